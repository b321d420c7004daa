"""A run's results: arrays in, one row of integers and reasons for each account out.

Floats end here: equity rounds down to a minor unit and requirements up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
from django.db import connection

from clearing import selectors as record
from clearing.domain import amounts, prices
from clearing.selectors import BookColumns, SealedPrices, part
from margin import selectors
from margin.domain.events import RUNS_OF_ALL
from margin.domain.exposure import exposed_rows
from margin.domain.results import result_hash
from margin.engine import shapes
from margin.engine.aggregate import SumOverflow
from margin.engine.requirement import requirement
from margin.selectors import Resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """What a run is pinned to. `terms_at` is when the collateral schedule is taken: its own time,
    unless said otherwise."""

    run_id: str
    kind: str
    sealed: SealedPrices
    rules: selectors.Rules
    at: datetime
    terms_at: datetime | None = None


def of(columns: BookColumns, pins: Pins) -> list[dict[str, Any]]:
    """A row for each account of the columns, priced or with the reason why not. Writes nothing.

    An account that is too large for exact sums costs only itself its number: the columns are halved
    until it is alone.
    """
    try:
        return _priced(columns, pins)
    except (SumOverflow, amounts.AmountOutOfRange) as error:
        if len(columns.accounts) == 1:
            on = selectors.resolved(pins.sealed, pins.rules)
            return [_row(columns, 0, pins, on, found=None, reason=f"too-large: {error}")]
        half = len(columns.accounts) // 2
        return [
            *of(part(columns, 0, half), pins),
            *of(part(columns, half, len(columns.accounts)), pins),
        ]


def _priced(columns: BookColumns, pins: Pins) -> list[dict[str, Any]]:
    on = selectors.resolved(pins.sealed, pins.rules)
    terms_at = pins.terms_at or pins.at
    old = stale(pins.sealed, at=pins.at) or selectors.conflict(pins.rules, at=terms_at)
    inputs = selectors.arrays(columns, on)
    found = requirement(inputs.book, on.market, on.rules.parameters, on.array)
    book = pins.run_id if pins.kind in RUNS_OF_ALL else None
    cut = selectors.cuts(columns, pins.sealed, pins.rules, at=terms_at, book=book)
    exposed = exposed_rows(columns.row, columns.asset, columns.amount)
    place = {row: at for at, row in enumerate(inputs.rows)}
    return [
        _row(
            columns,
            row,
            pins,
            on,
            found=None if old or row in inputs.refused else (found, place[row]),
            reason=old or inputs.refused.get(row, ""),
            cuts=cut.get(row, selectors.NO_CUTS),
            exposed=row in exposed,
        )
        for row in range(len(columns.accounts))
    ]


def stale(sealed: SealedPrices, *, at: datetime) -> str:
    """Nobody is called on prices that are too old: the run says so instead."""
    limit = record.policy().price_max_age_seconds
    try:
        prices.check_fresh(sealed_at=sealed.at, at=at, max_age_seconds=limit)
    except prices.PriceStale as it:
        return f"{it.code}: {it.sentence}"[:300]
    return ""


def _row(
    columns: BookColumns,
    row: int,
    pins: Pins,
    on: Resolved,
    *,
    found: tuple[shapes.Requirement, int] | None,
    reason: str,
    cuts: selectors.Cuts = selectors.NO_CUTS,
    exposed: bool = True,
) -> dict[str, Any]:
    """Nothing is required of an account that can owe nothing; the detail still says what the method
    and the schedule would take of its collateral."""
    equity = maintenance = initial = 0
    detail: dict[str, Any] = {}
    if found is not None:
        result, at = found
        equity, maintenance, initial = _minor(result, at, scale=on.rules.scale)
        cuts = cuts if exposed else cuts.against_nothing()
        maintenance, initial = maintenance + cuts.maintenance, initial + cuts.initial
        detail = _detail(result, at, on)
        if cuts.lines:
            detail["collateral"] = cuts.shown()
        if not exposed and equity >= 0:
            maintenance, initial, detail["exposed"] = 0, 0, False
    named = {
        "account": columns.accounts[row],
        "account_version": columns.versions[row],
        "account_sequence": columns.sequences[row],
        "price_sequence": pins.sealed.sequence,
        "parameter_set": pins.rules.name,
        "reason": reason[:300],
        "asset": on.rules.reporting,
        "equity": equity,
        "maintenance": maintenance,
        "initial": initial,
        "array_digest": on.array.digest,
        "detail": json.dumps(detail, sort_keys=True),
    }
    return {**named, "run_id": pins.run_id, "at": pins.at, "result_hash": result_hash(named)}


def _minor(result: shapes.Requirement, at: int, *, scale: int) -> tuple[int, int, int]:
    """Equity rounds down and requirements up: against the member, by less than one minor unit."""
    equity, maintenance, initial = (
        without_noise(float(column[at]), scale=scale)
        for column in (result.equity, result.maintenance, result.initial)
    )
    return (
        amounts.credited(equity, scale=scale),
        max(0, amounts.owed(equity - maintenance, scale=scale)),
        max(0, amounts.owed(equity - initial, scale=scale)),
    )


def without_noise(value: float, *, scale: int) -> Decimal:
    """To a tenth of a minor unit: 0.3 of a coin is 0.299999999999999988 as a float, and must not be
    rounded down for that. Otherwise a call that is paid to the last unit would stay open."""
    with localcontext(prec=60):
        return round(Decimal(value), scale + 1)


def _detail(result: shapes.Requirement, at: int, on: Resolved) -> dict[str, Any]:
    """Only groups in which the account has something."""
    names = (*(each.name for each in on.rules.parameters.scenarios), "basis")
    groups = []
    for group, underlying in enumerate(on.underlyings):
        vector = result.scenarios[at, group]
        parts = {
            "mark_to_market": float(result.mark_to_market[at, group]),
            "worst": float(result.worst[at, group]),
            "initial_factor": float(result.initial_factor[at, group]),
            "initial_contingency": float(result.initial_contingency[at, group]),
            "maintenance_contingency": float(result.maintenance_contingency[at, group]),
        }
        if np.any(vector) or parts["mark_to_market"] or parts["maintenance_contingency"]:
            groups.append(
                {
                    "underlying": underlying,
                    "binding": names[int(result.binding[at, group])],
                    **parts,
                    "vector": [[n, float(v)] for n, v in zip(names, vector, strict=True)],
                }
            )
    return {"groups": groups}


COLUMNS = (
    "run_id",
    "account",
    "account_version",
    "account_sequence",
    "price_sequence",
    "parameter_set",
    "at",
    "reason",
    "asset",
    "equity",
    "maintenance",
    "initial",
    "array_digest",
    "result_hash",
    "detail",
)


def write(rows: Iterable[dict[str, Any]]) -> None:
    with connection.cursor() as cursor:
        statement = f"COPY margin_requirement ({', '.join(COLUMNS)}) FROM STDIN"
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row([row[name] for name in COLUMNS])
