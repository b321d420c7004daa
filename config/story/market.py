"""A simulated market: two coins, their options, futures and perpetuals, and a fall.

Every price in it is made up and labelled so. The path is drawn from a seed; the fall is a fraction
of the price, spread over some of the steps, with volatility rising as it goes. Options are marked by
Black-76 on the forward, so the chain is free of arbitrage by construction.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from clearing.domain import clock
from clearing.domain.events import InstrumentListed
from clearing.domain.prices import PriceSet, Quote
from config.story.feed import Snapshot
from margin.engine.pricing import black_76

START = datetime(2026, 3, 2, 4, tzinfo=UTC)
STEP = timedelta(hours=6)
STEPS = 24
FALL_FROM, FALL_TO = 5, 15  # the steps over which it falls
EXPIRIES = (timedelta(days=3, hours=4), timedelta(days=32, hours=4), timedelta(days=88, hours=4))
STRIKES = tuple(Decimal(percent) / 100 for percent in range(50, 165, 5))
YEAR = 365 * 86_400


@dataclass(frozen=True, slots=True)
class Coin:
    name: str
    price: int
    strike_step: int
    lot: str  # of options
    contract: str  # money in one future or perpetual
    tick: str


COINS = (
    Coin("BTC", 90_000, 500, "0.1", "10", "0.5"),
    Coin("ETH", 3_000, 50, "1", "1", "0.05"),
)


def snapshots(*, seed: int, fall: Decimal) -> Iterator[Snapshot]:
    """The whole story's market, one snapshot a step, in order; the same for the same arguments."""
    draw = random.Random(seed)  # noqa: S311 - a story, not a secret
    terms = tuple(it for coin in COINS for it in _listed(coin))
    levels = {coin.name: 1.0 for coin in COINS}
    for step in range(STEPS):
        for coin in COINS:
            levels[coin.name] *= 1 + draw.gauss(0, 0.002)
        at = START + step * STEP
        alive = tuple(it for it in terms if not it.expiry_at or clock.parsed(it.expiry_at) > at)
        share = _fallen(step)
        indices = {
            coin.name: _price(
                coin.price * levels[coin.name] * (1 - float(fall) * _beta(coin) * share), 2
            )
            for coin in COINS
        }
        vol = 0.45 + 0.9 * float(fall) * share
        yield Snapshot(terms=alive, prices=_prices(at, alive, indices, vol))


def _fallen(step: int) -> float:
    """How much of the fall has happened: none, then steadily, then all, and a little bounce."""
    share = min(max((step - FALL_FROM) / (FALL_TO - FALL_FROM), 0.0), 1.0)
    bounce = 0.1 * min(max((step - FALL_TO) / 4, 0.0), 1.0)
    return share - bounce


def _beta(coin: Coin) -> float:
    return 1.0 if coin.name == "BTC" else 1.25


def _listed(coin: Coin) -> Iterator[InstrumentListed]:
    usual = {"underlying": coin.name, "quote": "USDC", "option_type": "", "strike": ""}
    money = {"lot_size": coin.contract, "tick_size": coin.tick, "settlement": coin.name}
    yield InstrumentListed(
        symbol=f"{coin.name}-PERPETUAL",
        kind="perpetual",
        payoff="inverse",
        expiry_at="",
        **money,
        **usual,
    )
    for left in EXPIRIES:
        at = START + left
        label = f"{coin.name}-{at.day}{at.strftime('%b%y').upper()}"
        yield InstrumentListed(
            symbol=label,
            kind="future",
            payoff="inverse",
            expiry_at=clock.text(at),
            **money,
            **usual,
        )
        for strike in dict.fromkeys(_strike(coin, share) for share in STRIKES):
            for option_type in ("call", "put"):
                yield InstrumentListed(
                    symbol=f"{label}-{strike}-{option_type[0].upper()}",
                    kind="option",
                    payoff="inverse",
                    settlement=coin.name,
                    lot_size=coin.lot,
                    tick_size="0.0001",
                    expiry_at=clock.text(at),
                    **{**usual, "strike": str(strike), "option_type": option_type},
                )


def _strike(coin: Coin, share: Decimal) -> int:
    return round(coin.price * share / coin.strike_step) * coin.strike_step


def _prices(
    at: datetime, alive: tuple[InstrumentListed, ...], indices: dict[str, str], vol: float
) -> PriceSet:
    quotes: dict[str, Quote] = {}
    forwards: dict[str, str] = {}
    for it in alive:
        index = float(indices[it.underlying])
        if not it.expiry_at:
            quotes[it.symbol] = Quote(indices[it.underlying])
            continue
        years = (clock.parsed(it.expiry_at) - at).total_seconds() / YEAR
        forward = _price(index * math.exp(0.03 * years), 2)
        if it.kind == "future":
            quotes[it.symbol] = Quote(forward)
            continue
        forwards[f"{it.underlying} {it.expiry_at}"] = forward
        quotes[it.symbol] = _option(it, float(forward), years, vol)
    return PriceSet(
        at=at,
        source="simulated market",
        simulated=True,
        indices=indices,
        forwards=forwards,
        quotes=quotes,
    )


def _option(it: InstrumentListed, forward: float, years: float, vol: float) -> Quote:
    """Quoted in coin; vol smiles a little."""
    strike = float(it.strike)
    smile = round(vol * (1 + 0.15 * math.log(strike / forward) ** 2), 4)
    is_call = it.option_type == "call"
    value = black_76(forward=forward, strike=strike, vol=smile, years=years, is_call=is_call)
    return Quote(_price(float(value) / forward, 8), str(smile))


def _price(value: float, digits: int) -> str:
    return str(Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN))
