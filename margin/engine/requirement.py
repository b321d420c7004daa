"""What each account must hold: the one public function, and its unrounded twin.

`requirement` sums integers, so its sums are exact; `reference_requirement` sums the same prices
unrounded. Every step after the sums is shared, elementwise per account and in a fixed order.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.sparse import csr_array

from margin.engine import addons, risk_array, scenarios
from margin.engine.aggregate import Buckets, Sums, aggregate, buckets, check_exact, total
from margin.engine.checks import check_book, check_market, check_values
from margin.engine.parameters import Parameters
from margin.engine.risk_array import BASE, BASIS_DOWN, BASIS_UP, ArrayRefused, RiskArray
from margin.engine.shapes import Book, Flags, Floats, Ints, Market, Requirement

ACCOUNTS_AT_ONCE = 512  # whose buckets by columns just about stay in cache


def requirement(
    book: Book,
    market: Market,
    parameters: Parameters,
    array: RiskArray | None = None,
    *,
    accounts_at_once: int = ACCOUNTS_AT_ONCE,
) -> Requirement:
    """What each account must hold, from exact integer sums.

    array             the risk array of this market and method, built if not given
    accounts_at_once  bounds memory; any number gives the same bits

    Raises MarketRefused if a price is unusable, ArrayRefused if the array is not of this market and
    method, and SumOverflow if an account is too large for exact sums.
    """
    if array is None:
        array = risk_array.build(market, parameters)
    _check_belongs(array, market, parameters)
    check_exact(book.positions, array.values)
    return _in_chunks(
        book, _Rules.of(market, parameters), array.values, unit=array.unit, step=accounts_at_once
    )


def reference_requirement(book: Book, market: Market, parameters: Parameters) -> Requirement:
    """The same in floating point throughout, never rounded: what published vectors are met with.

    Its last digits may move with the order of the series, which is why it is not the record.
    Raises MarketRefused if a price is unusable.
    """
    values = risk_array.price(market, parameters)
    unit = np.ones(len(market.underlyings.spot))
    return _in_chunks(book, _Rules.of(market, parameters), values, unit=unit, step=ACCOUNTS_AT_ONCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """A market seen through a method; nothing in here knows an account.

    long, short, weight (E,) static discounts and the weight of the basis contingency
    confidence          (E,) lowest of what prices the expiry
    spot_moves          (K - 1,) what each scenario adds to spot, as a share; 0 for skews
    skew                (K - 1,) flags
    dampening           (K - 1,)
    """

    market: Market
    parameters: Parameters
    into: Buckets
    long: Floats
    short: Floats
    weight: Floats
    confidence: Floats
    spot_moves: Floats
    skew: Flags
    dampening: Floats

    @classmethod
    def of(cls, market: Market, parameters: Parameters) -> _Rules:
        check_market(market)
        check_values(market)
        each = market.expiries
        spot = market.underlyings.spot_confidence[each.underlying]
        sources = (spot, each.forward_confidence, each.rate_confidence, each.vol_confidence)
        return cls(
            market=market,
            parameters=parameters,
            into=buckets(market),
            long=scenarios.static_discount_long(each.seconds, each.rate, parameters.discount_long),
            short=scenarios.static_discount_short(
                each.seconds, each.rate, parameters.discount_short
            ),
            weight=scenarios.basis_weight(each.seconds, parameters.basis),
            confidence=np.minimum.reduce(sources),
            spot_moves=np.array([scenario.spot - 1.0 for scenario in parameters.scenarios]),
            skew=np.array([scenario.vol.is_skew for scenario in parameters.scenarios]),
            dampening=np.array([scenario.dampening for scenario in parameters.scenarios]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """Collateral of some accounts in money, before haircut.

    value           (A, C) each asset, negative for a debit
    by_underlying   (A, U) all of it
    moving          (A, U) what moves with spot in the scenarios
    """

    value: Floats
    by_underlying: Floats
    moving: Floats


def _in_chunks(
    book: Book, rules: _Rules, values: Ints | Floats, *, unit: Floats, step: int
) -> Requirement:
    """Accounts some at a time: a row of buckets by columns is far larger than an account."""
    assert step > 0
    accounts = book.positions.shape[0]
    check_book(book, rules.market)
    parts = [
        _some(_accounts(book, first, min(first + step, accounts)), rules, values, unit=unit)
        for first in range(0, max(accounts, 1), step)
    ]
    if len(parts) == 1:
        return parts[0]
    return Requirement(
        **{
            each.name: np.concatenate([getattr(part, each.name) for part in parts])
            for each in fields(Requirement)
        }
    )


def _some(book: Book, rules: _Rules, values: Ints | Floats, *, unit: Floats) -> Requirement:
    """The requirement of a few accounts; the steps and their order are the method."""
    parameters, market = rules.parameters, rules.market
    sums = aggregate(book.positions, values, unit=unit, market=market, into=rules.into)
    held = _collateral(book, market)
    coin_debt = book.coin_cost * market.underlyings.spot

    outcomes = _outcomes(sums, rules, moving=held.moving - coin_debt)
    binding = outcomes.argmin(axis=2)
    worst = np.minimum(np.take_along_axis(outcomes, binding[..., None], axis=2)[..., 0], 0.0)
    value = _over_buckets(sums.values[:, BASE], sums, rules, accounts=len(book.cash))
    mark_to_market = value - book.cost - coin_debt + held.by_underlying
    initial, maintenance = _contingencies(sums, held, rules)
    peg = addons.peg_factor(market.underlyings.stable, parameters.peg)
    factor = np.broadcast_to(parameters.loss_factor.initial + peg, worst.shape).copy()

    after_initial = worst * factor - initial - maintenance + mark_to_market
    after_maintenance = worst * parameters.loss_factor.maintenance - maintenance + mark_to_market
    return Requirement(
        initial=_over_groups(after_initial) + book.cash,
        maintenance=_over_groups(after_maintenance) + book.cash,
        equity=_over_groups(mark_to_market) + book.cash,
        scenarios=outcomes,
        binding=binding.astype(np.int64),
        worst=worst,
        mark_to_market=mark_to_market,
        initial_contingency=initial,
        maintenance_contingency=maintenance,
        initial_factor=factor,
    )


def _outcomes(sums: Sums, rules: _Rules, *, moving: Floats) -> Floats:
    """(A, U, K) profit or loss of each group in each scenario, damped; the last is the basis.

    moving  (A, U) money that follows spot besides the positions: collateral less coin owed
    """
    row_expiry = rules.into.expiry[sums.bucket]
    is_option = row_expiry >= 0
    base, shocked = sums.values[:, BASE], sums.values[:, BASE + 1 : BASIS_UP]
    count = shocked.shape[1]
    rows = np.zeros((len(base), count + 1))

    rows[~is_option, :count] = shocked[~is_option] - base[~is_option, None]
    rows[np.ix_(~is_option, np.flatnonzero(rules.skew))] = 0.0

    expiry, before, after = row_expiry[is_option], base[is_option, None], shocked[is_option]
    discount = np.where(after >= 0.0, rules.long[expiry, None], rules.short[expiry, None])
    change = after * discount - before
    # A skew may go either way, so each expiry loses what it would move, and no other offsets it.
    rows[is_option, :count] = np.where(rules.skew, -np.abs(change), change)

    alone = np.minimum(sums.values[:, BASIS_UP], sums.values[:, BASIS_DOWN]) - base
    rows[is_option, count] = np.minimum(alone[is_option], 0.0) * rules.weight[expiry]

    outcomes = _over_buckets(rows, sums, rules, accounts=len(moving))
    outcomes[..., :count] += moving[..., None] * rules.spot_moves
    outcomes[..., :count] *= rules.dampening
    return outcomes


def _contingencies(sums: Sums, held: _Held, rules: _Rules) -> tuple[Floats, Floats]:
    """(A, U) what the initial level adds, and what both levels charge; neither is negative."""
    parameters, market = rules.parameters, rules.market
    shares, owner = market.collateral, market.collateral.underlying
    is_linear = rules.into.expiry[sums.bucket] < 0
    accounts = len(held.value)
    linear = _over_buckets(np.where(is_linear, sums.gross, 0.0), sums, rules, accounts=accounts)

    charge, option = parameters.linear_charge, parameters.short_option_charge
    maintenance = (
        addons.linear_charge(linear, rate=charge.maintenance)
        + addons.short_option_charge(sums.naked, rate=option.maintenance)
        + _by_underlying(addons.haircut(held.value, share=shares.maintenance_haircut), market)
    )
    initial = (
        addons.linear_charge(linear, rate=charge.initial)
        + addons.short_option_charge(sums.naked, rate=option.initial)
        + _by_underlying(addons.haircut(held.value, share=shares.initial_haircut), market)
    )
    collateral_confidence = np.minimum(shares.confidence, market.underlyings.spot_confidence[owner])
    initial += _position_confidence(sums, linear, rules)
    initial += _by_underlying(
        addons.confidence_charge(collateral_confidence, np.abs(held.value), parameters.confidence),
        market,
    )
    return initial, maintenance


def _position_confidence(sums: Sums, linear: Floats, rules: _Rules) -> Floats:
    """(A, U) charge for badly known prices of what each account holds.

    linear  (A, U) gross exposure in futures and perpetuals; where there is any, their confidence
            also bounds that of the group's expiries, because the hedge is only as good as its price
    """
    underlyings, bucket = rules.market.underlyings, rules.into
    perpetual = np.minimum(underlyings.spot_confidence, underlyings.perpetual_confidence)
    row_underlying, row_expiry = bucket.underlying[sums.bucket], bucket.expiry[sums.bucket]
    is_option = row_expiry >= 0
    own = np.where(is_option, rules.confidence[row_expiry] if rules.confidence.size else 1.0, 1.0)
    with_linear = ~is_option | (linear[sums.account, row_underlying] > 0.0)
    confidence = np.where(with_linear, np.minimum(own, perpetual[row_underlying]), own)
    charge = addons.confidence_charge(confidence, sums.gross, rules.parameters.confidence)
    return _over_buckets(charge, sums, rules, accounts=len(linear))


def _collateral(book: Book, market: Market) -> _Held:
    terms = market.collateral
    price = terms.price / market.underlyings.stable[terms.underlying]
    value: Floats = book.collateral * price
    return _Held(
        value=value,
        by_underlying=_by_underlying(value, market),
        moving=_by_underlying(np.where(terms.risk_cancelling, value, 0.0), market),
    )


def _by_underlying(amounts: Floats, market: Market) -> Floats:
    """(A, C) added up to (A, U), asset by asset so that the order is the same for every account."""
    added = np.zeros((len(amounts), len(market.underlyings.spot)))
    for asset, underlying in enumerate(market.collateral.underlying):
        added[:, underlying] += amounts[:, asset]
    return added


def _over_buckets(rows: Floats, sums: Sums, rules: _Rules, *, accounts: int) -> Floats:
    """Rows of buckets added up to (A, U, ...)."""
    return total(
        rows,
        account=sums.account,
        underlying=rules.into.underlying[sums.bucket],
        accounts=accounts,
        underlyings=len(rules.market.underlyings.spot),
    )


def _over_groups(amounts: Floats) -> Floats:
    """(A, U) added up to (A,), underlying by underlying: a library's sum may pick its own order."""
    added = np.zeros(len(amounts))
    for underlying in range(amounts.shape[1]):
        added += amounts[:, underlying]
    return added


def _accounts(book: Book, first: int, last: int) -> Book:
    positions = book.positions
    start, stop = int(positions.indptr[first]), int(positions.indptr[last])
    some = csr_array(
        (
            positions.data[start:stop],
            positions.indices[start:stop],
            positions.indptr[first : last + 1] - start,
        ),
        shape=(last - first, positions.shape[1]),
    )
    rows = slice(first, last)
    return Book(
        positions=some,
        collateral=book.collateral[rows],
        cash=book.cash[rows],
        cost=book.cost[rows],
        coin_cost=book.coin_cost[rows],
    )


def _check_belongs(array: RiskArray, market: Market, parameters: Parameters) -> None:
    """Refuse a risk array whose shape or columns say that it is of another market or method."""
    if array.columns != risk_array.column_names(parameters):
        raise ArrayRefused("the risk array has the columns of another parameter set")
    if array.values.shape[0] != len(market.series.kind):
        raise ArrayRefused(
            f"the risk array has {array.values.shape[0]} series, "
            f"the market {len(market.series.kind)}"
        )
    if len(array.unit) != len(market.underlyings.spot):
        raise ArrayRefused("the risk array has another number of underlyings than the market")
