"""Questions about margin, and the border where integers become arrays.

`market` and `book` are the only places where ticks, lots and minor units turn into floats for the
engine; `margin/services/runs.py` turns its results back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
from django.db.models import F, Q, QuerySet
from scipy.sparse import coo_array, csr_array

from clearing import selectors as record
from clearing.domain.errors import NotFound, Refusal
from clearing.domain.instrument import Instrument, Kind, Payoff
from clearing.domain.prices import PriceSet, forward_key
from clearing.domain.scope import Scope
from clearing.selectors import BookColumns, SealedPrices
from margin import models
from margin.domain.calls import CALL_PERCENT, OPEN, Levels
from margin.domain.events import WITHDRAWAL
from margin.engine import parameters as method
from margin.engine import risk_array, shapes
from margin.engine.parameters import Parameters
from margin.engine.risk_array import RiskArray
from margin.engine.shapes import Book, Market


class ParametersMissing(Refusal):
    code = "parameters-missing"
    says = "No margin parameter set is in force."
    remedy = "Activate one: manage.py activate_parameters FILE."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The parameter set in force: its name is the hash of its content."""

    name: str
    method: str
    reporting: str
    scale: int
    parameters: Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """A sealed set as the engine sees it, and which row or column is what."""

    prices: SealedPrices
    rules: Rules
    market: Market
    array: RiskArray
    series: Mapping[str, int]  # symbol -> row
    underlyings: tuple[str, ...]
    collateral: tuple[str, ...]
    instruments: Mapping[str, Instrument]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrays:
    """The accounts that can be priced, in the book's order, and why each of the others cannot."""

    book: Book
    rows: list[int]  # places in the book's columns
    refused: dict[int, str]


# --- parameters -------------------------------------------------------------------------------


def rules() -> Rules:
    """Raises ParametersMissing."""
    row = models.ParameterSet.objects.order_by("-sequence").first()
    if row is None:
        raise ParametersMissing
    return rules_named(row.name)


def rules_named(name: str) -> Rules:
    row = models.ParameterSet.objects.filter(name=name).order_by("sequence").first()
    if row is None:
        raise NotFound(field="parameter_set", name=name)
    return Rules(
        name=row.name,
        method=row.method,
        reporting=row.reporting,
        scale=record.scale(row.reporting),
        parameters=_parameters(row.name),
    )


@lru_cache(maxsize=8)
def _parameters(name: str) -> Parameters:
    body = models.ParameterBody.objects.values_list("body", flat=True).get(name=name)
    return method.load(json.loads(body))


# --- integers become arrays -------------------------------------------------------------------

_markets: dict[tuple[str, str], Resolved] = {}


def resolved(prices: SealedPrices, in_force: Rules) -> Resolved:
    """The set's market and its risk array; kept while it is the latest, since both are named."""
    key = (prices.name, in_force.name)
    if key not in _markets:
        _markets.clear()
        _markets[key] = _resolve(prices, in_force)
    return _markets[key]


def _resolve(prices: SealedPrices, in_force: Rules) -> Resolved:
    found = prices.prices
    instruments = record.instruments(found.quotes)
    priced = sorted(
        (it for it in instruments.values() if it.kind is not Kind.SPOT),
        key=lambda it: (it.underlying, it.expiry_at or found.at, it.symbol),
    )
    underlyings = tuple(sorted(found.indices))
    collateral = tuple(asset for asset in underlyings if asset != in_force.reporting)
    market = Market(
        underlyings=_underlyings(found, underlyings),
        expiries=_expiries(found, priced, underlyings),
        series=_series(found, priced, underlyings),
        collateral=_collateral(found, collateral, underlyings, in_force.parameters),
    )
    return Resolved(
        prices=prices,
        rules=in_force,
        market=market,
        array=risk_array.build(market, in_force.parameters),
        series={it.symbol: row for row, it in enumerate(priced)},
        underlyings=underlyings,
        collateral=collateral,
        instruments=instruments,
    )


def _underlyings(found: PriceSet, names: Sequence[str]) -> shapes.Underlyings:
    spot = np.array([float(found.indices[name]) for name in names])
    ones = np.ones(len(names))
    return shapes.Underlyings(
        spot=spot, spot_confidence=ones, perpetual_confidence=ones, stable=ones
    )


def _dated(priced: Sequence[Instrument]) -> list[tuple[str, datetime]]:
    """(underlying, expiry) of every option, in the order of first appearance."""
    keys = [(it.underlying, it.expiry_at) for it in priced if it.kind is Kind.OPTION]
    return [(name, at) for name, at in dict.fromkeys(keys) if at is not None]


def _expiries(
    found: PriceSet, priced: Sequence[Instrument], names: Sequence[str]
) -> shapes.Expiries:
    dated = _dated(priced)
    first = {(it.underlying, it.expiry_at): it for it in priced if it.kind is Kind.OPTION}
    forwards = [float(found.forwards[forward_key(first[key])]) for key in dated]
    ones = np.ones(len(dated))
    return shapes.Expiries(
        underlying=np.array([names.index(name) for name, _ in dated], dtype=np.int64),
        seconds=np.array([(at - found.at).total_seconds() for _, at in dated], dtype=np.float64),
        forward=np.array(forwards, dtype=np.float64),
        forward_confidence=ones,
        rate=np.zeros(len(dated)),  # venues that publish none: 0, and confidence 1
        rate_confidence=ones,
        vol_confidence=ones,
    )


def _series(found: PriceSet, priced: Sequence[Instrument], names: Sequence[str]) -> shapes.Series:
    place = {key: row for row, key in enumerate(_dated(priced))}
    quotes = [found.quotes[it.symbol] for it in priced]
    options = [it.kind is Kind.OPTION for it in priced]
    return shapes.Series(
        kind=np.array([_engine_kind(it) for it in priced], dtype=np.int64),
        underlying=np.array([names.index(it.underlying) for it in priced], dtype=np.int64),
        expiry=np.array(
            [place[it.underlying, it.expiry_at] if it.kind is Kind.OPTION else -1 for it in priced],  # type: ignore[index]
            dtype=np.int64,
        ),
        strike=np.array([float(it.strike or 0) for it in priced]),
        is_call=np.array([bool(it.is_call) for it in priced], dtype=np.bool_),
        vol=np.array([float(q.vol) if o else 0.0 for q, o in zip(quotes, options, strict=True)]),
        mark=np.array([0.0 if o else float(q.mark) for q, o in zip(quotes, options, strict=True)]),
        size=np.array([float(it.lot_size) for it in priced]),
    )


def _engine_kind(it: Instrument) -> shapes.Kind:
    if it.kind is Kind.OPTION:
        return shapes.Kind.OPTION
    return shapes.Kind.INVERSE if it.payoff is Payoff.INVERSE else shapes.Kind.LINEAR


def _collateral(
    found: PriceSet, assets: Sequence[str], names: Sequence[str], terms: Parameters
) -> shapes.Collateral:
    of = [terms.collateral.get(asset, terms.default_collateral) for asset in assets]
    return shapes.Collateral(
        underlying=np.array([names.index(asset) for asset in assets], dtype=np.int64),
        price=np.array([float(found.indices[asset]) for asset in assets]),
        confidence=np.ones(len(assets)),
        initial_haircut=np.array([it.initial_haircut for it in of]),
        maintenance_haircut=np.array([it.maintenance_haircut for it in of]),
        risk_cancelling=np.array([it.risk_cancelling for it in of], dtype=np.bool_),
    )


def arrays(columns: BookColumns, on: Resolved) -> Arrays:
    """The book's columns as the engine wants them. An account that cannot be priced is left out
    with its reason; the others do not notice."""
    refused = _refused(columns, on)
    rows = [row for row in range(len(columns.accounts)) if row not in refused]
    place = {row: at for at, row in enumerate(rows)}
    digits = record.scales()
    accounts, groups = len(rows), len(on.underlyings)
    held: list[tuple[int, int, int]] = []
    collateral = np.zeros((accounts, len(on.collateral)))
    cash = np.zeros(accounts)
    cost, coin_cost = np.zeros((accounts, groups)), np.zeros((accounts, groups))
    for row, asset, amount in zip(columns.row, columns.asset, columns.amount, strict=True):
        if row not in place:
            continue
        what, _, name = asset.partition(":")
        if what == "lots":
            held.append((place[row], on.series[name], amount))
        elif what == "cost":
            it = on.instruments[name]
            carried = coin_cost if it.payoff is Payoff.INVERSE else cost
            carried[place[row], on.underlyings.index(it.underlying)] += amount / 10**it.scale
        elif name == on.rules.reporting:
            cash[place[row]] = amount / 10 ** digits[name]
        else:
            collateral[place[row], on.collateral.index(name)] = amount / 10 ** digits[name]
    return Arrays(
        book=Book(
            positions=_positions(held, accounts=accounts, series=len(on.series)),
            collateral=collateral,
            cash=cash,
            cost=cost,
            coin_cost=coin_cost,
        ),
        rows=rows,
        refused=refused,
    )


def _positions(held: list[tuple[int, int, int]], *, accounts: int, series: int) -> csr_array:
    cells = np.array(held, dtype=np.int64).reshape(-1, 3)
    where = (cells[:, 0], cells[:, 1])
    positions = coo_array((cells[:, 2], where), shape=(accounts, series)).tocsr()
    positions.sort_indices()
    return positions


def _refused(columns: BookColumns, on: Resolved) -> dict[int, str]:
    refused: dict[int, str] = {}
    for row, asset in zip(columns.row, columns.asset, strict=True):
        what, _, name = asset.partition(":")
        known = (
            name == on.rules.reporting or name in on.collateral
            if what == "cash"
            else name in on.series
        )
        if not known:
            refused.setdefault(row, f"price-missing: {name} is not in the price set")
    return refused


# --- results and calls ------------------------------------------------------------------------


def latest_requirement(account_id: str) -> models.Requirement | None:
    """By the newest price set and account version that were margined, priced or not."""
    rows = models.Requirement.objects.filter(account=account_id)
    return rows.order_by("-price_sequence", "-account_version", "-id").first()


def latest_requirements() -> list[models.Requirement]:
    """One row for each account that was ever margined."""
    rows = models.Requirement.objects.order_by(
        "account", "-price_sequence", "-account_version", "-id"
    )
    return list(rows.distinct("account").defer("detail"))


def requirement_in(run_id: str, account_id: str) -> models.Requirement:
    """Raises NotFound."""
    row = models.Requirement.objects.filter(run_id=run_id, account=account_id).first()
    if row is None:
        raise NotFound(field="run", run=run_id, account=account_id)
    return row


def requirements(account_id: str) -> QuerySet[models.Requirement]:
    return models.Requirement.objects.filter(account=account_id).order_by("-id").defer("detail")


def levels(row: models.Requirement) -> Levels:
    return Levels(
        asset=row.asset,
        equity=row.equity,
        maintenance=row.maintenance,
        initial=row.initial,
        run_id=row.run_id,
        price_sequence=row.price_sequence,
        account_version=row.account_version,
    )


def run(run_id: str) -> models.Run:
    """Raises NotFound."""
    found = models.Run.objects.filter(run_id=run_id).first()
    if found is None:
        raise NotFound(field="run", run=run_id)
    return found


def runs() -> QuerySet[models.Run]:
    return models.Run.objects.order_by("-started_at", "-run_id")


def last_run_of_all() -> models.Run | None:
    return runs().exclude(kind__in=["account", WITHDRAWAL]).first()


def call(call_id: str) -> models.MarginCall:
    """Raises NotFound."""
    found = models.MarginCall.objects.filter(call_id=call_id).first()
    if found is None:
        raise NotFound(field="call_id", call=call_id)
    return found


def calls_of(account_id: str) -> QuerySet[models.MarginCall]:
    return models.MarginCall.objects.filter(account=account_id).order_by("-sequence")


def open_calls() -> QuerySet[models.MarginCall]:
    return models.MarginCall.objects.filter(state__in=OPEN).order_by("due_at", "call_id")


def due_calls(*, at: datetime) -> list[models.MarginCall]:
    """Open calls whose time has come, and that the sweep has not looked at since."""
    rows = models.MarginCall.objects.filter(state__in=["issued", "acknowledged"], due_at__lte=at)
    return list(rows.order_by("due_at", "call_id"))


def next_due() -> datetime | None:
    rows = models.MarginCall.objects.filter(state__in=["issued", "acknowledged"])
    return rows.order_by("due_at").values_list("due_at", flat=True).first()


def to_decide(run_id: str) -> list[str]:
    """Accounts of a run that are near or below the call level or have a call open, worst first.

    A coarse net, never finer than the rule: `calls.decide` has the last word on each.
    """
    rows = models.Requirement.objects.filter(run_id=run_id, reason="")
    near = F("maintenance") / 100 * CALL_PERCENT + CALL_PERCENT
    short = rows.filter(Q(maintenance__gt=0, equity__lte=near) | Q(equity__lt=0))
    called = models.MarginCall.objects.filter(state__in=OPEN).values_list("account", flat=True)
    both = short | rows.filter(account__in=list(called))
    return [
        row.account for row in both.distinct().order_by(F("equity") - F("maintenance"), "account")
    ]


def decimal(minor: int, scale: int) -> Decimal:
    return Decimal(minor).scaleb(-scale)


def components(row: models.Requirement) -> list[dict[str, Any]]:
    """Per margin group: components, binding scenario and the whole vector."""
    groups: list[dict[str, Any]] = row.detail.get("groups", [])
    return groups


def calls() -> QuerySet[models.MarginCall]:
    return models.MarginCall.objects.order_by("-sequence")


def visible_call(call_id: str, *, scope: Scope) -> models.MarginCall:
    """The call, if it is the caller's. Raises NotFound alike for others' and for none."""
    found = call(call_id)
    if not record.owns(found.account, scope=scope):
        raise NotFound(field="call_id", call=call_id)
    return found
