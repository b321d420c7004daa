"""The volatility surface of a sealed set: smiles through the volatilities it was sealed with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from clearing import selectors as record
from clearing.domain.instrument import Instrument, Kind
from clearing.domain.prices import PriceSet, forward_key
from clearing.selectors import SealedPrices
from margin.engine import surface
from margin.engine.pricing import YEAR_SECONDS
from margin.engine.smile import Smile
from margin.engine.surface import Violation


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSurface:
    """One underlying's. `points` has, for each expiry, the (strike, volatility) its smile runs
    through; a smile is None where an expiry has no option out of the money."""

    underlying: str
    expiries: tuple[datetime, ...]
    forwards: tuple[float, ...]
    smiles: tuple[Smile | None, ...]
    points: tuple[tuple[tuple[float, float], ...], ...]
    violations: tuple[Violation, ...]


def set_surfaces(sealed: SealedPrices) -> list[SetSurface]:
    """By underlying. Derived anew whenever it is asked for, and sealed nowhere: only what was
    quoted is margined on."""
    found = sealed.prices
    options: dict[str, list[Instrument]] = {}
    for it in record.instruments(found.quotes).values():
        if it.kind is Kind.OPTION and forward_key(it) in found.forwards:
            options.setdefault(it.underlying, []).append(it)
    return [_surface(name, found, each) for name, each in sorted(options.items())]


def _surface(underlying: str, found: PriceSet, options: list[Instrument]) -> SetSurface:
    expiries = sorted({it.expiry_at for it in options if it.expiry_at and it.expiry_at > found.at})
    place = {at: row for row, at in enumerate(expiries)}
    forwards = [0.0] * len(expiries)
    points: list[dict[float, float]] = [{} for _ in expiries]
    for it in options:
        if it.expiry_at not in place or it.strike is None:
            continue
        row, forward = place[it.expiry_at], float(found.forward(it))
        forwards[row] = forward
        strike = float(it.strike)
        if (strike >= forward) == it.is_call:  # the side out of the money
            points[row][strike] = float(found.quotes[it.symbol].vol)
    flat = [
        (row, strike, vol)
        for row, each in enumerate(points)
        for strike, vol in sorted(each.items())
    ]
    smiles = surface.through_vols(
        years=np.array([(at - found.at).total_seconds() / YEAR_SECONDS for at in expiries]),
        forward=np.array(forwards),
        expiry=np.array([row for row, _, _ in flat], dtype=np.int64),
        strike=np.array([strike for _, strike, _ in flat], dtype=np.float64),
        vol=np.array([vol for _, _, vol in flat], dtype=np.float64),
    )
    return SetSurface(
        underlying=underlying,
        expiries=tuple(expiries),
        forwards=tuple(forwards),
        smiles=smiles,
        points=tuple(tuple(sorted(each.items())) for each in points),
        violations=tuple(surface.in_smiles(smiles)),
    )
