"""A whole option chain at one moment: forwards, smiles, what may not be trusted, what is free money.

Expiry by expiry a forward (`forwards`) and a smile (`smile`); between expiries total variance is
linear in time at equal log-moneyness, which no calendar arbitrage enters by if the expiries have
none (Gatheral and Jacquier 2014); before the first and after the last expiry volatility stays.

Arbitrage is looked for twice. In the quotes themselves, at prices one could trade at: parity,
vertical spreads, butterflies. And in what was fitted: total variance that falls with time, and a
density below zero. It is listed, never repaired away: expiries are fitted apart, so that a calendar
that is broken in the market is broken in the surface, and seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import pairwise

import numpy as np

from margin.engine import forwards, implied, smile
from margin.engine.forwards import Forward, Pairs
from margin.engine.shapes import Flags, Floats, Ints
from margin.engine.smile import Smile

SMALLEST = 1e-9  # of normalised price, variance or density: below it a violation is rounding


class Use(IntEnum):
    """What became of a quote."""

    FITTED = 0
    IN_THE_MONEY = 1  # the other side of its strike says the same, more tightly
    NO_QUOTE = 2  # a side is missing
    CROSSED = 3
    STALE = 4
    OUTSIDE = 5  # no volatility gives that price
    WIDE = 6
    NO_FORWARD = 7


class Fault(StrEnum):
    PARITY = "parity"  # size: basis points of the forward
    VERTICAL = "vertical"  # size: of the discounted forward
    BUTTERFLY = "butterfly"  # size: of the discounted forward
    CALENDAR = "calendar"  # size: total variance that is lost by waiting
    DENSITY = "density"  # size: how far below zero Durrleman's g is


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """Free money. `expiry` and `other` are rows of the chain's expiries; other is -1 but for
    calendars, where it is the later one. The strike is that of the middle, or of the worst place."""

    fault: Fault
    expiry: int
    strike: float
    size: float
    other: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One underlying at one moment. N quotes on E expiries; a missing side is not-a-number.

    years    (E,) to expiry, above zero
    forward  (E,) where it is given; not-a-number where it is to be found
    expiry   (N,) row of years
    bid, ask (N,) as quoted: in coin, or in money per unit
    age      (N,) seconds
    """

    years: Floats
    forward: Floats
    expiry: Ints
    strike: Floats
    is_call: Flags
    bid: Floats
    ask: Floats
    age: Floats
    in_coin: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """widest is of ask minus bid in volatility, as a share of the middle."""

    oldest_seconds: float = 900.0
    widest: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """forwards and smiles have one entry an expiry; a smile is None where nothing could be fitted.

    use, vol_bid, vol_ask  (N,) of each quote of the chain; volatilities are nan where there is none
    inside  (E,) share of the fitted quotes whose spread the smile runs through
    """

    forwards: tuple[Forward, ...]
    smiles: tuple[Smile | None, ...]
    use: Ints
    vol_bid: Floats
    vol_ask: Floats
    inside: Floats
    violations: tuple[Violation, ...]


def fit(chain: Chain, *, limits: Limits) -> Surface:
    """Everything that is needed of a chain, and everything that is wrong with it."""
    found = tuple(_forward(chain, row) for row in range(len(chain.years)))
    value = np.array([it.value for it in found])[chain.expiry]
    discount = np.array([it.discount for it in found])[chain.expiry]
    use = _sorted_out(chain, value, limits)
    unit = 1.0 if chain.in_coin else value * discount
    with np.errstate(all="ignore"):
        moneyness = chain.strike / value
        bid, ask = chain.bid / unit, chain.ask / unit
        root = np.sqrt(chain.years)[chain.expiry]
        vol_bid = implied.deviation(price=bid, moneyness=moneyness, is_call=chain.is_call) / root
        vol_ask = implied.deviation(price=ask, moneyness=moneyness, is_call=chain.is_call) / root
    told = use == Use.FITTED
    use = np.where(told & ~(np.isfinite(vol_bid) & np.isfinite(vol_ask)), Use.OUTSIDE, use)
    with np.errstate(invalid="ignore"):
        wide = vol_ask - vol_bid > limits.widest * 0.5 * (vol_ask + vol_bid)
    use = np.where((use == Use.FITTED) & wide, Use.WIDE, use)
    smiles, inside = [], []
    for row in range(len(chain.years)):
        mine = (use == Use.FITTED) & (chain.expiry == row)
        it = _smile(chain, row, mine, found[row].value, vol_bid, vol_ask)
        smiles.append(it)
        inside.append(_inside(it, np.log(moneyness[mine]), vol_bid[mine], vol_ask[mine]))
    quoted = [*_parity(found), *_in_quotes(chain, bid, ask, moneyness, use)]
    return Surface(
        forwards=found,
        smiles=tuple(smiles),
        use=use.astype(np.int64),
        vol_bid=vol_bid,
        vol_ask=vol_ask,
        inside=np.array(inside),
        violations=(*quoted, *in_smiles(smiles)),
    )


def through_vols(
    *, years: Floats, forward: Floats, expiry: Ints, strike: Floats, vol: Floats
) -> tuple[Smile | None, ...]:
    """Smiles through volatilities that have no spread, such as those of a sealed set: one for each
    of `years`, None where there is no volatility. Both sides of a strike may be given."""
    found: list[Smile | None] = []
    for row in range(len(years)):
        mine = expiry == row
        if not mine.any():
            found.append(None)
            continue
        k = np.log(strike[mine] / forward[row])
        order = np.argsort(k, kind="stable")
        found.append(
            smile.fit(
                k=k[order],
                vol=vol[mine][order],
                half_spread=np.zeros(int(mine.sum())),
                years=float(years[row]),
                forward=float(forward[row]),
            )
        )
    return tuple(found)


def variance(smiles: tuple[Smile, ...], *, years: float, k: Floats) -> Floats:
    """Total variance at any time and log-moneyness; smiles in order of time, at least one."""
    assert smiles and years > 0.0
    times = [it.years for it in smiles]
    after = int(np.searchsorted(times, years))
    if after == 0:
        return smiles[0].variance(k) * (years / times[0])
    if after == len(times):
        return smiles[-1].variance(k) * (years / times[-1])
    share = (years - times[after - 1]) / (times[after] - times[after - 1])
    found: Floats = (1.0 - share) * smiles[after - 1].variance(k) + share * smiles[after].variance(
        k
    )
    return found


def forward_at(smiles: tuple[Smile, ...], *, years: float) -> float:
    """Between expiries the logarithm of the forward is linear in time; beyond them it stays."""
    times = [it.years for it in smiles]
    return float(np.exp(np.interp(years, times, [np.log(it.forward) for it in smiles])))


def vol_at(smiles: tuple[Smile, ...], *, years: float, strike: Floats) -> Floats:
    """Volatility of any strike at any time, a fraction a year."""
    k = np.log(strike / forward_at(smiles, years=years))
    found: Floats = np.sqrt(np.maximum(variance(smiles, years=years, k=k), 0.0) / years)
    return found


# --- the parts --------------------------------------------------------------------------------


def _forward(chain: Chain, row: int) -> Forward:
    given = float(chain.forward[row])
    pairs = _pairs(chain, row)
    found = forwards.NONE
    if len(pairs.strike):
        found = forwards.in_coin(pairs) if chain.in_coin else forwards.linear(pairs)
    if not np.isfinite(given):
        return found
    return Forward(
        value=given,
        discount=1.0,
        low=found.low or given,
        high=found.high or given,
        pairs=found.pairs,
        error_bp=found.error_bp,
    )


def _pairs(chain: Chain, row: int) -> Pairs:
    with np.errstate(invalid="ignore"):
        whole = (chain.expiry == row) & (chain.bid > 0.0) & (chain.ask >= chain.bid)
    calls = {float(chain.strike[n]): n for n in np.flatnonzero(whole & chain.is_call)}
    puts = {float(chain.strike[n]): n for n in np.flatnonzero(whole & ~chain.is_call)}
    both = sorted(calls.keys() & puts.keys())
    call = np.array([calls[strike] for strike in both], dtype=np.int64)
    put = np.array([puts[strike] for strike in both], dtype=np.int64)
    return Pairs(
        strike=np.array(both, dtype=np.float64),
        call_bid=chain.bid[call],
        call_ask=chain.ask[call],
        put_bid=chain.bid[put],
        put_ask=chain.ask[put],
    )


def _sorted_out(chain: Chain, value: Floats, limits: Limits) -> Ints:
    """What can be said of a quote without a model; the first reason that fits is the one given."""
    with np.errstate(invalid="ignore"):
        in_the_money = np.where(chain.is_call, chain.strike < value, chain.strike > value)
        reasons = (
            (Use.NO_FORWARD, value <= 0.0),
            (Use.NO_QUOTE, ~((chain.bid > 0.0) & (chain.ask > 0.0))),
            (Use.CROSSED, chain.bid > chain.ask),
            (Use.STALE, chain.age > limits.oldest_seconds),
            (Use.IN_THE_MONEY, in_the_money),
        )
    use: Ints = np.select(
        [applies for _, applies in reasons], [int(why) for why, _ in reasons], int(Use.FITTED)
    ).astype(np.int64)
    return use


def _smile(
    chain: Chain, row: int, mine: Flags, forward: float, vol_bid: Floats, vol_ask: Floats
) -> Smile | None:
    if not mine.any():
        return None
    k = np.log(chain.strike[mine] / forward)
    order = np.argsort(k, kind="stable")
    return smile.fit(
        k=k[order],
        vol=0.5 * (vol_bid + vol_ask)[mine][order],
        half_spread=0.5 * (vol_ask - vol_bid)[mine][order],
        years=float(chain.years[row]),
        forward=forward,
    )


def _inside(it: Smile | None, k: Floats, vol_bid: Floats, vol_ask: Floats) -> float:
    if it is None:
        return 0.0
    vol = it.vol(k)
    return float(((vol >= vol_bid) & (vol <= vol_ask)).mean())


def _parity(found: tuple[Forward, ...]) -> Iterator[Violation]:
    for row, it in enumerate(found):
        if it.gap_bp > SMALLEST:
            yield Violation(fault=Fault.PARITY, expiry=row, strike=it.value, size=it.gap_bp)


def _in_quotes(
    chain: Chain, bid: Floats, ask: Floats, moneyness: Floats, use: Ints
) -> Iterator[Violation]:
    """Neighbouring strikes of one expiry and side, at prices one could trade at, normalised.

    A call falls with its strike and by no more than the strikes are apart, a put rises so; and
    either is convex: the middle of three is worth no more than its share of the outer two.
    """
    fit_for_use = ~np.isin(use, (Use.NO_FORWARD, Use.NO_QUOTE, Use.CROSSED, Use.STALE))
    for row in range(len(chain.years)):
        for calls in (True, False):
            mine = np.flatnonzero(fit_for_use & (chain.expiry == row) & (chain.is_call == calls))
            mine = mine[np.argsort(moneyness[mine], kind="stable")]
            m, b, a = moneyness[mine], bid[mine], ask[mine]
            if len(mine) > 1:
                cheap, dear = (b[1:] - a[:-1], b[:-1] - a[1:])
                free = np.maximum(
                    *((cheap, dear - np.diff(m)) if calls else (dear, cheap - np.diff(m)))
                )
                for at in np.flatnonzero(free > SMALLEST):
                    yield Violation(
                        fault=Fault.VERTICAL,
                        expiry=row,
                        strike=float(chain.strike[mine[at]]),
                        size=float(free[at]),
                    )
            if len(mine) > 2:
                share = (m[2:] - m[1:-1]) / (m[2:] - m[:-2])
                free = b[1:-1] - (share * a[:-2] + (1.0 - share) * a[2:])
                for at in np.flatnonzero(free > SMALLEST):
                    yield Violation(
                        fault=Fault.BUTTERFLY,
                        expiry=row,
                        strike=float(chain.strike[mine[at + 1]]),
                        size=float(free[at]),
                    )


def in_smiles(smiles: tuple[Smile | None, ...] | list[Smile | None]) -> Iterator[Violation]:
    """Of what was fitted, where quotes stand behind it: the worst place of each expiry, and of each
    two that follow each other in time."""
    rows = [(row, it) for row, it in enumerate(smiles) if it is not None]
    for row, it in rows:
        k = smile.grid(it.low, it.high)
        factor = smile.density_factor(it, k)
        at = int(factor.argmin())
        if factor[at] < -SMALLEST:
            strike = float(it.forward * np.exp(k[at]))
            yield Violation(fault=Fault.DENSITY, expiry=row, strike=strike, size=-float(factor[at]))
    ordered = sorted(rows, key=lambda pair: pair[1].years)
    for (row, early), (other, late) in pairwise(ordered):
        low, high = max(early.low, late.low), min(early.high, late.high)
        if low > high:
            continue
        k = smile.grid(low, high) if high > low else np.array([low])
        lost = early.variance(k) - late.variance(k)
        at = int(lost.argmax())
        if lost[at] > SMALLEST:
            yield Violation(
                fault=Fault.CALENDAR,
                expiry=row,
                other=other,
                strike=float(late.forward * np.exp(k[at])),
                size=float(lost[at]),
            )
