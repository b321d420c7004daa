"""Margin rates that rise with the size of a position: tiers of exposure, each with its own rate.

Each tier's rate is asked of the part of an exposure that lies in it. Written with one rate for all
of it, that is rate * exposure - deduction, and the deduction is what keeps the charge continuous:
deduction_n = deduction_{n-1} + limit_{n-1} * (rate_n - rate_{n-1}). Exchanges publish it as the
maintenance amount (Binance, leverage and margin brackets: cum) or as the deduction (Bybit, risk
limits). Rates never fall from tier to tier, so the charge is convex: the largest of its lines.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from margin.engine.reading import ParameterError, Section, Source, root_of
from margin.engine.shapes import Flags, Floats, Ints

Number = float | Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiers:
    """Tables of tiers, one a contract; short tables repeat their last tier.

    name, source  of the parameter set
    tables        (T) names, in the order of the rows
    limits        (T, K) exposure up to which the tier reaches, in the unit that the table counts in
    rates         (T, K) share of exposure, at least 0, under 1, never falling
    deductions    (T, K) in the unit of exposure, never negative
    """

    name: str
    source: str
    tables: tuple[str, ...]
    limits: Floats
    rates: Floats
    deductions: Floats


def load_tiers(source: Source) -> Tiers:
    """Read tables of tiers. A deduction may be left out; one that is given must be the rule's.

    Raises ParameterError naming the field.
    """
    root = root_of(source)
    name, origin = root.text("name"), root.text("source")
    tables = {key: _table(section) for key, section in root.sections("tables")}
    root.finish()
    width = max(len(rows) for rows in tables.values())
    padded = np.array([[*rows, *[rows[-1]] * (width - len(rows))] for rows in tables.values()])
    return Tiers(
        name=name,
        source=origin,
        tables=tuple(tables),
        limits=padded[..., 0],
        rates=padded[..., 1],
        deductions=padded[..., 2],
    )


def linear_exposure(*, lots: Number, size: Number, price: Number) -> Floats:
    """Money at `price` of contracts on `size` units of underlying; the sign does not matter."""
    exposure: Floats = np.abs(lots) * np.asarray(size, float) * price
    return exposure


def inverse_exposure(*, lots: Number, size: Number, price: Number) -> Floats:
    """Coin at `price` of contracts on `size` money, paid in coin."""
    exposure: Floats = np.abs(lots) * np.asarray(size, float) / price
    return exposure


def maintenance(exposure: Floats, *, table: Ints, tiers: Tiers) -> Floats:
    """What each exposure must keep; never negative, never falling as the exposure grows.

    exposure  (P,) not negative, in the unit of its table
    table     (P,) row of `tiers`

    Above the last limit the last rate goes on; whether so much may be held is `beyond`'s answer.
    """
    charge = np.zeros(np.shape(exposure))
    for place in range(tiers.rates.shape[1]):
        line = exposure * tiers.rates[table, place] - tiers.deductions[table, place]
        charge = np.maximum(charge, line)
    return charge


def initial(exposure: Floats, *, leverage: Number, table: Ints, tiers: Tiers) -> Floats:
    """What each exposure needs to be opened at `leverage`, but never less than its maintenance."""
    asked: Floats = np.maximum(exposure / leverage, maintenance(exposure, table=table, tiers=tiers))
    return asked


def beyond(exposure: Floats, *, table: Ints, tiers: Tiers) -> Flags:
    """Where an exposure is larger than the last tier of its table reaches."""
    too_large: Flags = exposure > tiers.limits[table, -1]
    return too_large


def _table(section: Section) -> list[tuple[float, float, float]]:
    """Limit, rate and deduction of each tier."""
    read: list[tuple[float, float, float]] = []
    limit, rate, deduction = 0.0, 0.0, 0.0
    for each in section.rows("tiers"):
        before, below = rate, limit
        limit = each.number("limit", above=below)
        rate = each.number("rate", least=before, below=1.0)
        deduction += below * (rate - before)
        if each.has("deduction"):
            stated = each.number("deduction", least=0.0)
            if not math.isclose(stated, deduction, rel_tol=1e-9):
                raise ParameterError(
                    each.at("deduction"),
                    f"must be {deduction:.12g} for the charge to be continuous, is {stated:.12g}",
                )
            deduction = stated
        each.finish()
        read.append((limit, rate, deduction))
    section.finish()
    return read
