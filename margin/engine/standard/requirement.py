"""What each account must hold by rules per contract, and its unrounded twin.

An expiry asks for the smaller of two sums: what its shorts ask for one by one, and the most that
its options can cost together at settlement. Longs have been paid for and lend nothing. Futures and
perpetuals, collateral, badly known prices and a settlement coin off its peg are charged beside it.

Source: Derive Protocol v2-core, standard manager, and its published cases.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from scipy.sparse import csr_array

from margin.engine import addons
from margin.engine.aggregate import Buckets, buckets, check_exact, grouped, total
from margin.engine.checks import check_book, check_market, check_values
from margin.engine.parameters import Levels
from margin.engine.risk_array import ArrayRefused, RiskArray
from margin.engine.shapes import Book, Flags, Floats, Ints, Market
from margin.engine.standard import array as columns
from margin.engine.standard.parameters import StandardParameters

ACCOUNTS_AT_ONCE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class StandardRequirement:
    """What each account must hold, and why; money in the reporting currency, balances not losses.

    initial, maintenance  (A,) balance after the requirement: negative is under-margined
    equity                (A,) cash and all that is held, at its price
    option_initial, option_maintenance  (A, U) what the expiries ask for; never positive
    linear_initial, linear_maintenance  (A, U) the same of futures and perpetuals
    unrealised            (A, U) what futures and perpetuals have earned since they were bought
    mark_to_market        (A, U) options at their mark, `unrealised`, collateral at its price
    collateral_initial, collateral_maintenance  (A, U) what collateral counts for
    confidence, peg       (A, U) charges of the initial level; never positive

    One row per account and expiry held (G), accounts and then expiries in ascending order:
    account, expiry       (G,)
    isolated_initial, isolated_maintenance  (G,) the shorts one by one; never positive
    worst_payoff          (G,) the least that the options pay at zero or a strike held; may be a gain
    unpaired              (G,) calls short beyond those held, at the forward; never positive
    bounded_initial, bounded_maintenance  (G,) the largest loss with its charge; never positive
    """

    initial: Floats
    maintenance: Floats
    equity: Floats
    option_initial: Floats
    option_maintenance: Floats
    linear_initial: Floats
    linear_maintenance: Floats
    unrealised: Floats
    mark_to_market: Floats
    collateral_initial: Floats
    collateral_maintenance: Floats
    confidence: Floats
    peg: Floats
    account: Ints
    expiry: Ints
    isolated_initial: Floats
    isolated_maintenance: Floats
    worst_payoff: Floats
    unpaired: Floats
    bounded_initial: Floats
    bounded_maintenance: Floats


def requirement(
    book: Book,
    market: Market,
    parameters: StandardParameters,
    array: RiskArray | None = None,
    *,
    accounts_at_once: int = ACCOUNTS_AT_ONCE,
) -> StandardRequirement:
    """What each account must hold, from exact integer sums.

    array             what `array.build` made of this market and method, built if not given
    accounts_at_once  bounds memory; any number gives the same bits

    Raises MarketRefused if a price is unusable, ArrayRefused if the array is not of this market,
    and SumOverflow if an account is too large for exact sums.
    """
    if array is None:
        array = columns.build(market, parameters)
    rungs = columns.ladder(market).price.shape[1]
    if array.columns != columns.column_names(rungs):
        raise ArrayRefused("the risk array has the columns of another market or method")
    if array.values.shape[0] != len(market.series.kind):
        raise ArrayRefused("the risk array has another number of series than the market")
    if len(array.unit) != len(market.underlyings.spot):
        raise ArrayRefused("the risk array has another number of underlyings than the market")
    check_exact(book.positions, array.values)
    rules = _Rules.of(market, parameters, array.values, unit=array.unit)
    return _in_chunks(book, rules, step=accounts_at_once)


def reference_requirement(
    book: Book, market: Market, parameters: StandardParameters
) -> StandardRequirement:
    """The same in floating point throughout, never rounded: what published vectors are met with.

    Raises MarketRefused if a price is unusable.
    """
    values = columns.price(market, parameters)
    unit = np.ones(len(market.underlyings.spot))
    return _in_chunks(book, _Rules.of(market, parameters, values, unit=unit), step=ACCOUNTS_AT_ONCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rules:
    """A market seen through a method; nothing in here knows an account.

    values         (N, columns) per lot, in units
    charged        (N, columns) the first of them, which are summed without a sign as well
    unit           (U,) money
    rung           (N,) of an option's own strike
    confidence     (E,) lowest of what values the options of the expiry
    peg            (U,) charged per money of exposure
    """

    market: Market
    parameters: StandardParameters
    values: Ints | Floats
    charged: Ints | Floats
    unit: Floats
    into: Buckets
    rung: Ints
    confidence: Floats
    peg: Floats

    @classmethod
    def of(
        cls, market: Market, parameters: StandardParameters, values: Ints | Floats, *, unit: Floats
    ) -> _Rules:
        check_market(market)
        check_values(market)
        each = market.expiries
        spot = market.underlyings.spot_confidence[each.underlying]
        return cls(
            market=market,
            parameters=parameters,
            values=values,
            charged=values[:, : columns.RUNGS].copy(),
            unit=unit,
            into=buckets(market),
            rung=columns.ladder(market).own,
            # The rate values nothing here, because nothing is discounted.
            confidence=np.minimum.reduce((spot, each.forward_confidence, each.vol_confidence)),
            peg=addons.peg_factor(market.underlyings.stable, parameters.peg),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Some accounts' sums; rows are buckets held (G): account, underlying, expiry ascending.

    account, underlying, expiry  (G,) expiry is -1 for futures and perpetuals
    held        (G, columns) money, of all positions with their sign
    short       (G, RUNGS) money, of the shorts alone; positive
    gross       (G, RUNGS) money, none offsetting another
    at_strikes  (G, R) whether an option with that strike is held
    """

    account: Ints
    underlying: Ints
    expiry: Ints
    held: Floats
    short: Floats
    gross: Floats
    at_strikes: Flags


def _in_chunks(book: Book, rules: _Rules, *, step: int) -> StandardRequirement:
    assert step > 0
    accounts = book.positions.shape[0]
    check_book(book, rules.market)
    parts = [
        _some(_accounts(book, first, min(first + step, accounts)), rules, first=first)
        for first in range(0, max(accounts, 1), step)
    ]
    if len(parts) == 1:
        return parts[0]
    return StandardRequirement(
        **{
            each.name: np.concatenate([getattr(part, each.name) for part in parts])
            for each in fields(StandardRequirement)
        }
    )


def _some(book: Book, rules: _Rules, *, first: int) -> StandardRequirement:
    """The requirement of a few accounts; the steps and their order are the method."""
    parameters, market, accounts = rules.parameters, rules.market, len(book.cash)
    rows = _sums(book.positions, rules)
    option = rows.expiry >= 0

    worst, unpaired = _settlement(rows)
    isolated_initial = -rows.short[:, columns.SHORT_INITIAL]
    isolated_maintenance = -rows.short[:, columns.SHORT_MAINTENANCE]
    scale: Levels = parameters.unpaired_calls
    bounded_initial = np.minimum(worst, 0.0) + unpaired * scale.initial
    bounded_maintenance = np.minimum(worst, 0.0) + unpaired * scale.maintenance

    def over(amounts: Floats) -> Floats:
        return _over_rows(amounts, rows, rules, accounts=accounts)

    linear = over(np.where(option, 0.0, rows.gross[:, columns.NOTIONAL]))
    charge = parameters.linear_charge
    unrealised = over(np.where(option, 0.0, rows.held[:, columns.MARK]))
    unrealised -= book.cost + book.coin_cost * market.underlyings.spot
    marks = over(np.where(option, rows.held[:, columns.MARK], 0.0))
    value: Floats = book.collateral * market.collateral.price
    confidence = -_confidence(rows, rules, value=value)
    peg: Floats = -over(_exposed(rows)) * rules.peg

    option_initial = over(np.maximum(isolated_initial, bounded_initial))
    option_maintenance = over(np.maximum(isolated_maintenance, bounded_maintenance))
    linear_initial = -addons.linear_charge(linear, rate=charge.initial)
    linear_maintenance = -addons.linear_charge(linear, rate=charge.maintenance)
    collateral_initial, collateral_maintenance = _collateral(value, market)
    in_coin = _by_underlying(
        value / market.underlyings.stable[market.collateral.underlying], market
    )
    mark_to_market = marks + unrealised + in_coin

    initial = option_initial + linear_initial + unrealised + collateral_initial + confidence + peg
    maintenance = option_maintenance + linear_maintenance + unrealised + collateral_maintenance
    return StandardRequirement(
        initial=_over_groups(initial) + book.cash,
        maintenance=_over_groups(maintenance) + book.cash,
        equity=_over_groups(mark_to_market) + book.cash,
        option_initial=option_initial,
        option_maintenance=option_maintenance,
        linear_initial=linear_initial,
        linear_maintenance=linear_maintenance,
        unrealised=unrealised,
        mark_to_market=mark_to_market,
        collateral_initial=collateral_initial,
        collateral_maintenance=collateral_maintenance,
        confidence=confidence,
        peg=peg,
        account=rows.account[option] + first,
        expiry=rows.expiry[option],
        isolated_initial=isolated_initial[option],
        isolated_maintenance=isolated_maintenance[option],
        worst_payoff=worst[option],
        unpaired=unpaired[option],
        bounded_initial=bounded_initial[option],
        bounded_maintenance=bounded_maintenance[option],
    )


def _sums(positions: csr_array, rules: _Rules) -> _Rows:
    assert positions.has_canonical_format
    held, account, bucket = grouped(
        positions, rules.into.of_series, count=len(rules.into.underlying)
    )

    def of(lots: Ints) -> csr_array:
        return csr_array((lots, held.indices, held.indptr), shape=held.shape)

    in_money = rules.unit[rules.into.underlying[bucket], None]
    at_strikes = np.zeros((len(account), rules.values.shape[1] - columns.RUNGS), np.bool_)
    real = held.data != 0
    row = np.repeat(np.arange(len(account)), np.diff(held.indptr))
    at_strikes[row[real], rules.rung[held.indices[real]]] = True
    return _Rows(
        account=account,
        underlying=rules.into.underlying[bucket],
        expiry=rules.into.expiry[bucket],
        held=(held @ rules.values) * in_money,
        short=(of(np.maximum(-held.data, 0)) @ rules.charged) * in_money,
        gross=(of(np.abs(held.data)) @ rules.charged) * in_money,
        at_strikes=at_strikes,
    )


def _settlement(rows: _Rows) -> tuple[Floats, Floats]:
    """(G,) the least the options pay, and the calls short beyond those held at the forward.

    The payoff is straight between the strikes held, so its least is at one of them, at zero, or
    above the last, where what is lost has no end: that is what `unpaired` stands for.
    """
    looked_at = rows.at_strikes.copy()
    looked_at[:, 0] = True  # settled at zero, whatever is held
    pays = np.where(looked_at, rows.held[:, columns.RUNGS :], np.inf)
    worst: Floats = pays.min(axis=1)
    unpaired: Floats = np.minimum(rows.held[:, columns.FORWARD_OF_CALLS], 0.0)
    return worst, unpaired


def _confidence(rows: _Rows, rules: _Rules, *, value: Floats) -> Floats:
    """(A, U) charged for badly known prices of shorts, linear positions and collateral."""
    market, terms = rules.market, rules.parameters.confidence
    underlyings, shares = market.underlyings, market.collateral
    option = rows.expiry >= 0
    perpetual = np.minimum(underlyings.spot_confidence, underlyings.perpetual_confidence)
    known = perpetual[rows.underlying]
    known[option] = rules.confidence[rows.expiry[option]]
    charge = addons.confidence_charge(known, _exposed(rows), terms)
    own = np.minimum(shares.confidence, underlyings.spot_confidence[shares.underlying])
    held = addons.confidence_charge(own, np.abs(value), terms)
    return _over_rows(charge, rows, rules, accounts=len(value)) + _by_underlying(held, market)


def _exposed(rows: _Rows) -> Floats:
    """(G,) size at spot of what can be lost on: options short, futures and perpetuals either way."""
    exposed: Floats = np.where(
        rows.expiry >= 0, rows.short[:, columns.EXPOSURE], rows.gross[:, columns.EXPOSURE]
    )
    return exposed


def _collateral(value: Floats, market: Market) -> tuple[Floats, Floats]:
    """(A, U) what collateral counts for at the initial and the maintenance level.

    value  (A, C) money in the currency of its price: a coin off its peg marks collateral, but does
           not lend more on it
    """
    terms = market.collateral
    both = terms.initial_haircut + terms.maintenance_haircut
    initial = value - addons.haircut(value, share=both)
    maintenance = value - addons.haircut(value, share=terms.maintenance_haircut)
    return _by_underlying(initial, market), _by_underlying(maintenance, market)


def _over_rows(amounts: Floats, rows: _Rows, rules: _Rules, *, accounts: int) -> Floats:
    """Rows of buckets added up to (A, U)."""
    return total(
        amounts,
        account=rows.account,
        underlying=rows.underlying,
        accounts=accounts,
        underlyings=len(rules.unit),
    )


def _by_underlying(amounts: Floats, market: Market) -> Floats:
    """(A, C) added up to (A, U), asset by asset so that the order is the same for every account."""
    added = np.zeros((len(amounts), len(market.underlyings.spot)))
    for asset, underlying in enumerate(market.collateral.underlying):
        added[:, underlying] += amounts[:, asset]
    return added


def _over_groups(amounts: Floats) -> Floats:
    """(A, U) added up to (A,), underlying by underlying: a library's sum may pick its own order."""
    added = np.zeros(len(amounts))
    for underlying in range(amounts.shape[1]):
        added += amounts[:, underlying]
    return added


def _accounts(book: Book, first: int, last: int) -> Book:
    rows = slice(first, last)
    return Book(
        positions=csr_array(book.positions[rows]),
        collateral=book.collateral[rows],
        cash=book.cash[rows],
        cost=book.cost[rows],
        coin_cost=book.coin_cost[rows],
    )
