"""Books as plain data, and a generator of random ones.

A book carries the prices of everything it holds, so it can be margined alone; `as_engine_arrays`
gathers the instruments of many books into one market. Everything follows from the seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

YEAR = 365 * 24 * 3600
DAY = 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    seconds: float
    forward: float
    forward_confidence: float = 1.0
    rate: float = 0.0
    rate_confidence: float = 1.0
    vol_confidence: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    expiry: Expiry
    strike: float
    is_call: bool
    vol: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    contract: Contract
    lots: float
    size: float = 1.0  # units of the underlying per lot


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaOne:
    """A dated future or a perpetual."""

    name: str
    inverse: bool
    lots: float
    size: float  # units of the underlying per lot, or money per lot when inverse
    mark: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """Collateral that is not the reporting currency."""

    name: str
    units: float
    price: float
    confidence: float
    initial_haircut: float
    maintenance_haircut: float
    risk_cancelling: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All an account has on one underlying."""

    name: str
    spot: float
    stable: float
    spot_confidence: float = 1.0
    perpetual_confidence: float = 1.0
    options: list[Option] = field(default_factory=list)
    delta_ones: list[DeltaOne] = field(default_factory=list)
    assets: list[Asset] = field(default_factory=list)
    cost: float = 0.0  # what the linear positions were bought for
    coin_cost: float = 0.0  # the same for inverse ones: sum of lots * (-size / entry price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    cash: float
    groups: list[Group]


# Random ones --------------------------------------------------------------------------------------

SECONDS = [-3600.0, 0.0, 45.0, 600.0, 1799.0, 1800.0, 7200.0, 0.6 * DAY, 1.0 * DAY, 4.3 * DAY]
SECONDS += [17 * DAY, 30.0 * DAY, 30 * DAY + 1.0, 75.5 * DAY, 200 * DAY, 1.4 * YEAR, 3.0 * YEAR]
DELTA_ONES = ["perpetual", "march", "june", "inverse-perpetual", "inverse-march"]
ASSETS = ["coin", "staked", "token", "dollar"]
SHORT, MIDDLE, LONG = SECONDS[:6], SECONDS[6:12], SECONDS[12:]


def batches(seed: int, *, markets: int, books: int) -> list[list[Account]]:
    """So many random markets with so many random books over each."""
    random = Random(seed)
    found = []
    for _ in range(markets):
        market = random_market(random)
        found.append([random_book(random, market) for _ in range(books)])
    return found


def random_market(random: Random) -> list[Group]:
    """Everything there is to hold on one or two underlyings: one lot or unit of each."""
    return [random_underlying(random, f"underlying-{i}") for i in range(random.randint(1, 2))]


def random_underlying(random: Random, name: str) -> Group:
    spot = random.choice([95_663.50604855, 2_681.6029851, 141.25, 0.4137, 0.000_024_1])
    spot *= random.uniform(0.7, 1.4)
    strikes = [spot * random.uniform(0.3, 2.5) for _ in range(5)]
    times = [random.choice(SHORT), random.choice(MIDDLE), random.choice(LONG)]
    if random.random() < 0.5:
        times.append(random.choice([time for time in SECONDS if time not in times]))
    options = []
    for seconds in times:
        expiry = random_expiry(random, seconds, spot)
        deviation = 0.4 * math.sqrt(max(seconds, 60.0) / YEAR)
        near = expiry.forward * math.exp(random.gauss(0, deviation))
        at_the_money = expiry.forward * random.choice([1.0, 1.0, 1.0005, 0.9995])
        for strike in [*random.sample(strikes, 3), near, at_the_money]:
            vol = random.uniform(0.1, 2.5) if random.random() < 0.5 else random.uniform(0.1, 0.6)
            for is_call in (True, False):
                contract = Contract(expiry=expiry, strike=strike, is_call=is_call, vol=vol)
                options.append(Option(contract=contract, lots=1, size=lot_size(random, spot)))
    return Group(
        name=name,
        spot=spot,
        stable=random.choice([1.0, 1.00019, 0.9801, 0.98, 0.965, 0.52, random.uniform(0.9, 1.1)]),
        spot_confidence=confidence(random),
        perpetual_confidence=confidence(random),
        options=options,
        delta_ones=random_delta_ones(random, spot),
        assets=random_assets(random, spot),
    )


def random_expiry(random: Random, seconds: float, spot: float) -> Expiry:
    return Expiry(
        seconds=seconds,
        forward=spot * random.uniform(0.97, 1.06),
        forward_confidence=confidence(random),
        rate=random.choice([0.0, 0.25, random.uniform(-0.02, 0.25), random.uniform(-0.02, 0.0)]),
        rate_confidence=confidence(random),
        vol_confidence=confidence(random),
    )


def random_delta_ones(random: Random, spot: float) -> list[DeltaOne]:
    found = []
    for name in DELTA_ONES:
        inverse = name.startswith("inverse")
        size = random.choice([1.0, 10.0, 100.0]) if inverse else lot_size(random, spot)
        mark = spot * random.uniform(0.95, 1.08)
        found.append(DeltaOne(name=name, inverse=inverse, lots=1, size=size, mark=mark))
    return found


def random_assets(random: Random, spot: float) -> list[Asset]:
    found = []
    for name in ASSETS:
        cancelling = name in ("coin", "staked")
        price = spot if cancelling else 3.7
        found.append(
            Asset(
                name=name,
                units=1.0,
                price=price * random.uniform(0.9, 1.2),
                confidence=confidence(random),
                initial_haircut=random.choice([0.0, 0.01, random.uniform(0.0, 0.1)]),
                maintenance_haircut=random.choice([0.0, 0.02, random.uniform(0.0, 0.35)]),
                risk_cancelling=cancelling,
            )
        )
    return found


def lot_size(random: Random, spot: float) -> float:
    """A lot is worth somewhere around ten to a few thousand."""
    return float(random.choice([0.01, 0.1, 1.0])) * max(1.0, float(round(3_000 / spot)))


def confidence(random: Random) -> float:
    """Mostly good; sometimes below the threshold, or exactly on it."""
    return random.choice([1.0] * 7 + [0.95, 0.55, 0.5499, random.uniform(0.0, 0.55)])


def random_book(random: Random, market: list[Group]) -> Account:
    groups = [random_holdings(random, group) for group in market]
    cash = random.choice([0.0, random.gauss(0, 30_000), random.uniform(0, 500)])
    return Account(cash=cash, groups=groups)


def random_holdings(random: Random, market: Group) -> Group:
    flavour = random.choice(["all", "all", "options", "short", "futures", "assets", "nothing"])
    options = []
    if flavour in ("all", "options", "short"):
        held = random.sample(market.options, random.randint(1, min(12, len(market.options))))
        options = [replace(option, lots=random_lots(random)) for option in held]
    if flavour == "short":
        options = [replace(option, lots=-abs(option.lots)) for option in options]
    delta_ones: list[DeltaOne] = []
    if flavour == "futures" or (flavour == "all" and random.random() < 0.6):
        traded = random.sample(market.delta_ones, random.randint(1, 3))
        delta_ones = [replace(each, lots=random_lots(random)) for each in traded]
    assets: list[Asset] = []
    if flavour == "assets" or (flavour == "all" and random.random() < 0.6):
        owned = random.sample(market.assets, random.randint(1, 3))
        assets = [replace(each, units=random_units(random, each.price)) for each in owned]
    cost = coin_cost = 0.0
    for each in delta_ones:
        entry = each.mark * random.uniform(0.8, 1.25)
        if each.inverse:
            coin_cost += each.lots * (-each.size / entry)
        else:
            cost += each.lots * each.size * entry
    if flavour == "futures" and random.random() < 0.1:
        delta_ones = []  # all closed, the profit not yet settled
    held: dict[str, Any] = {"options": options, "delta_ones": delta_ones, "assets": assets}
    return replace(market, **held, cost=cost, coin_cost=coin_cost)


def random_lots(random: Random) -> int:
    lots = random.choice([1, 2, 5, random.randint(1, 40), random.randint(1, 400)])
    return lots if random.random() < 0.5 else -lots


def random_units(random: Random, price: float) -> float:
    amount = random.uniform(0, 50_000) if random.random() < 0.75 else random.uniform(-20_000, 0)
    return amount / price


# Published ones -----------------------------------------------------------------------------------


def published_book(said: dict[str, Any]) -> Account:
    """A published test case, by the names its publisher gave things."""
    feeds = {
        feed["FeedExpiry"]: Expiry(
            seconds=feed["FeedExpiry"],
            forward=feed["Forward"],
            forward_confidence=feed["ForwardConfidence"],
            rate=feed["Rate"],
            rate_confidence=feed["RateConfidence"],
            vol_confidence=feed["OptionVolConfidences"],
        )
        for feed in said["OptionFeeds"]
    }
    options = []
    for each in said["Options"]:
        contract = Contract(
            expiry=feeds[each["Expiry"]],
            strike=each["Strike"],
            is_call=bool(each["IsCall"]),
            vol=each["MarkVol"],
        )
        lots, size = whole_lots(each["Amount"])
        options.append(Option(contract=contract, lots=lots, size=size))
    assets = [
        Asset(
            name=each["Name"],
            units=each["Amount"],
            price=each["Price"],
            confidence=each["Confidence"],
            initial_haircut=each["IMHaircut"],
            maintenance_haircut=each["MMHaircut"],
            risk_cancelling=each["IsRiskCancelling"],
        )
        for each in said["Collaterals"]
    ]
    lots, size = whole_lots(said["NumPerps"])
    mark = said["PerpPrice"] or 1.0
    group = Group(
        name="published",
        spot=said["SpotPrice"],
        stable=said["StablePrice"],
        spot_confidence=said["SpotConfidence"],
        perpetual_confidence=said["PerpConfidence"],
        options=options,
        delta_ones=[DeltaOne(name="perpetual", inverse=False, lots=lots, size=size, mark=mark)],
        assets=assets,
        cost=lots * size * mark - said["UnrealisedPerpPNL"],
    )
    return Account(cash=said["Cash"] + said["UnrealisedFunding"], groups=[group])


def whole_lots(amount: float) -> tuple[int, float]:
    """One lot of the whole amount: the cases hold fractions, the engine counts lots."""
    if amount == 0:
        return 0, 1.0
    return (1, amount) if amount > 0 else (-1, -amount)


# As the engine takes them -------------------------------------------------------------------------
