"""What each account must hold by risk arrays: scan, spreads, delivery, credits, minimum, options.

For each commodity: risk = max(scan + spread charge + delivery charge - credit, minimum per short
option), and the value of its options is set against it. Steps and their order follow CME SPAN.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from margin.engine.aggregate import check_exact
from margin.engine.array_parameters import ArrayParameters, Over, ShortCount
from margin.engine.array_scan import scan
from margin.engine.shapes import Flags, Floats, Ints
from margin.engine.spreads import charges, credit

ACCOUNTS_AT_ONCE = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class Contracts:
    """One row per series; the arrays of a clearing house's file, resolved to rows.

    month          (N,) row of the contract months
    losses         (N, K) of one long lot, money, a loss is positive; int64 for exact sums
    delta          (N,) composite delta of one lot times its scaling
    is_option, is_call (N,)
    option_value   (N,) money per lot of options whose premium is paid; 0 for the rest
    tier_of_month  (M,) row of the parameters' tiers
    """

    month: Ints
    losses: Ints | Floats
    delta: Floats
    is_option: Flags
    is_call: Flags
    option_value: Floats
    tier_of_month: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayMargin:
    """Requirements of each account, positive, and what each commodity adds; all money.

    initial, maintenance                 (A,) never negative
    scan, spread, delivery, credit, floor (A, C) never negative
    active                               (A, C) the scenario that the scan comes from
    risk                                 (A, C) before levels and option value
    option_value                         (A, C) net, long less short
    """

    initial: Floats
    maintenance: Floats
    scan: Floats
    active: Ints
    spread: Floats
    delivery: Floats
    credit: Floats
    floor: Floats
    risk: Floats
    option_value: Floats


def array_margin(
    positions: csr_array,
    contracts: Contracts,
    parameters: ArrayParameters,
    *,
    accounts_at_once: int = ACCOUNTS_AT_ONCE,
) -> ArrayMargin:
    """Margin accounts by risk arrays.

    positions         (A, N) whole lots, signed, canonical CSR of int64
    accounts_at_once  bounds memory; any number gives the same bits

    Raises SumOverflow if an account is too large for exact sums of whole losses.
    """
    assert accounts_at_once > 0
    assert positions.dtype == np.int64
    assert positions.has_canonical_format
    _check(contracts, parameters, series=positions.shape[1])
    if contracts.losses.dtype == np.int64:
        check_exact(positions, contracts.losses.astype(np.int64, copy=False))
    rules = _Rules.of(contracts, parameters)
    accounts = positions.shape[0]
    parts = [
        _some(csr_array(positions[first : first + accounts_at_once]), rules)
        for first in range(0, max(accounts, 1), accounts_at_once)
    ]
    return ArrayMargin(
        **{
            each.name: np.concatenate([getattr(part, each.name) for part in parts])
            for each in fields(ArrayMargin)
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """Contracts seen through a method: sparse matrices that add series up by month or commodity."""

    contracts: Contracts
    parameters: ArrayParameters
    series_of: tuple[Ints, ...]  # rows of each commodity
    commodity_of_month: Ints
    to_month: csr_array  # (N, M) delta
    to_calls: csr_array  # (N, C) one per call
    to_puts: csr_array
    to_value: csr_array  # (N, C) option value
    minimum: Floats  # (C,)

    @classmethod
    def of(cls, contracts: Contracts, parameters: ArrayParameters) -> _Rules:
        commodity_of_tier = np.array([tier.commodity for tier in parameters.tiers])
        commodity_of_month = commodity_of_tier[contracts.tier_of_month]
        commodity = commodity_of_month[contracts.month]
        count, months = len(parameters.commodities), len(contracts.tier_of_month)
        called, options = contracts.is_call, contracts.is_option
        return cls(
            contracts=contracts,
            parameters=parameters,
            series_of=tuple(np.flatnonzero(commodity == row) for row in range(count)),
            commodity_of_month=commodity_of_month,
            to_month=_adder(contracts.delta, contracts.month, months),
            to_calls=_adder((options & called).astype(np.int64), commodity, count),
            to_puts=_adder((options & ~called).astype(np.int64), commodity, count),
            to_value=_adder(contracts.option_value, commodity, count),
            minimum=np.array(parameters.short_option_minimum),
        )


def _some(positions: csr_array, rules: _Rules) -> ArrayMargin:
    """Some accounts; the steps and their order are the method."""
    parameters, contracts = rules.parameters, rules.contracts
    count = len(parameters.commodities)
    losses = np.zeros((positions.shape[0], count, len(parameters.scenarios)))
    by_series = positions.tocsc()
    for commodity, series in enumerate(rules.series_of):
        losses[:, commodity] = by_series[:, series].tocsr() @ contracts.losses[series]
    scanned = scan(losses, parameters.scenarios)

    months = (positions @ rules.to_month).toarray()
    charged = charges(
        months,
        tier_of_month=contracts.tier_of_month,
        tiers=parameters.tiers,
        spreads=parameters.spreads,
        commodities=count,
    )
    net = np.zeros((len(months), count))
    for month, commodity in enumerate(rules.commodity_of_month):
        net[:, commodity] += months[:, month]
    saved = credit(net, scanned.price_risk, credits=parameters.credits)

    floor = _shorts(positions, rules) * rules.minimum
    risk = np.maximum(scanned.risk + charged.spread + charged.delivery - saved, floor)
    value = (positions @ rules.to_value).toarray()
    return ArrayMargin(
        initial=_after_options(risk * parameters.level.initial, value, parameters),
        maintenance=_after_options(risk * parameters.level.maintenance, value, parameters),
        scan=scanned.risk,
        active=scanned.active,
        spread=charged.spread,
        delivery=charged.delivery,
        credit=saved,
        floor=floor,
        risk=risk,
        option_value=value,
    )


def _shorts(positions: csr_array, rules: _Rules) -> Floats:
    """(A, C) lots of short options that the minimum counts."""
    short = csr_array(positions.minimum(0))
    calls, puts = (
        -(short @ adder).toarray().astype(float) for adder in (rules.to_calls, rules.to_puts)
    )
    if rules.parameters.short_options_counted is ShortCount.LARGER:
        larger: Floats = np.maximum(calls, puts)
        return larger
    both: Floats = calls + puts
    return both


def _after_options(risk: Floats, value: Floats, parameters: ArrayParameters) -> Floats:
    """(A,) what is left of the risk once options are set against it, commodity by commodity."""
    short_of = risk - value
    if parameters.option_value_reaches is Over.COMMODITY:
        short_of = np.maximum(short_of, 0.0)
    total = np.zeros(len(short_of))
    for commodity in range(short_of.shape[1]):
        total += short_of[:, commodity]
    required: Floats = np.maximum(total, 0.0)
    return required


def _adder(amounts: NDArray[np.generic], column: Ints, columns: int) -> csr_array:
    """(N, columns) each series' amount in its column."""
    rows = np.arange(len(column) + 1)
    return csr_array((amounts, column, rows), shape=(len(column), columns))


def _check(contracts: Contracts, parameters: ArrayParameters, *, series: int) -> None:
    """Shapes and rows are ours to get right."""
    assert contracts.losses.shape == (series, len(parameters.scenarios))
    for name in ("month", "delta", "is_option", "is_call", "option_value"):
        assert getattr(contracts, name).shape == (series,)
    assert np.isfinite(contracts.losses).all()
    assert np.isfinite(contracts.delta).all()
    assert np.isfinite(contracts.option_value).all()
    for rows, end in (
        (contracts.month, len(contracts.tier_of_month)),
        (contracts.tier_of_month, len(parameters.tiers)),
    ):
        assert ((rows >= 0) & (rows < end)).all()
