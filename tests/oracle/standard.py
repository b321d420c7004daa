"""Standard margin for one account, written out rule by rule with 30 digits: slow, meant to be.

It shares nothing with the engine, not even the parameter file: the numbers are typed in from the
published tests of the method (Derive v2-core, standard manager).

Balance style: more is better, what is asked for is negative.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mpmath.ctx_mp import MPContext

from tests.oracle.books import Account, Asset, Expiry, Group, Option

MP = MPContext()
MP.dps = 30

YEAR = 365 * 24 * 3600

Number = Any  # what MP.mpf returns; mpmath carries no types

RULES = {
    "most": 0.15,
    "least": 0.10,
    "call": 0.075,
    "put": 0.075,
    "put_mark": 0.075,
    "offset": 1.05,
    "unpaired": {"initial": 1.2, "maintenance": 1.1},
    "perpetual": {"initial": 0.065, "maintenance": 0.05},
    "peg": (0.98, 1.2),
    "confidence": (0.4, 0.4),
}


@dataclass(slots=True)
class Level:
    """One level of one underlying, part by part."""

    options: Number = field(default_factory=lambda: MP.mpf(0))
    perpetuals: Number = field(default_factory=lambda: MP.mpf(0))
    collateral: Number = field(default_factory=lambda: MP.mpf(0))
    confidence: Number = field(default_factory=lambda: MP.mpf(0))
    peg: Number = field(default_factory=lambda: MP.mpf(0))


@dataclass(frozen=True, slots=True)
class AccountMargin:
    initial: Number
    maintenance: Number
    equity: Number
    groups: list[dict[str, Level]]
    gross: Number


def units_of(option: Option) -> Number:
    return MP.mpf(option.lots) * MP.mpf(option.size)


def normal(x: Number) -> Number:
    return MP.erfc(-x / MP.sqrt(2)) / 2


def mark_of(option: Option) -> Number:
    """Black 1976 without discounting, per unit."""
    contract, expiry = option.contract, option.contract.expiry
    forward, strike = MP.mpf(expiry.forward), MP.mpf(contract.strike)
    sign = 1 if contract.is_call else -1
    seconds = MP.mpf(expiry.seconds)
    if seconds <= 0 or contract.vol <= 0:
        return max(MP.mpf(0), sign * (forward - strike))
    spread = MP.mpf(contract.vol) * MP.sqrt(seconds / YEAR)
    d1 = MP.log(forward / strike) / spread + spread / 2
    return sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - spread)))


def asked_alone(option: Option, spot: Number, level: str) -> Number:
    """What a short option asks for by itself, per unit and positive."""
    strike, mark = MP.mpf(option.contract.strike), mark_of(option)
    if option.contract.is_call:
        maintenance = MP.mpf(RULES["call"]) * spot + mark
        out = max(MP.mpf(0), strike - spot)
    else:
        maintenance = max(MP.mpf(RULES["put"]) * spot, MP.mpf(RULES["put_mark"]) * mark) + mark
        out = max(MP.mpf(0), spot - strike)
    if level == "maintenance":
        return maintenance
    share = max(MP.mpf(RULES["most"]) - out / spot, MP.mpf(RULES["least"]))
    initial = share * spot + mark
    if not option.contract.is_call:
        initial = max(initial, maintenance * MP.mpf(RULES["offset"]))
    return initial


def payoff(options: list[Option], price: Number) -> Number:
    total = MP.mpf(0)
    for option in options:
        strike = MP.mpf(option.contract.strike)
        pays = price - strike if option.contract.is_call else strike - price
        total += units_of(option) * max(pays, MP.mpf(0))
    return total


def expiry_balance(expiry: Expiry, options: list[Option], spot: Number, level: str) -> Number:
    """The better of the shorts one by one and the largest loss together; never positive."""
    alone = MP.mpf(0)
    for option in options:
        if units_of(option) < 0:
            alone += units_of(option) * asked_alone(option, spot, level)
    prices = [MP.mpf(0), *(MP.mpf(option.contract.strike) for option in options)]
    together = min([MP.mpf(0), *(payoff(options, price) for price in prices)])
    calls = sum((units_of(option) for option in options if option.contract.is_call), MP.mpf(0))
    if calls < 0:
        together += calls * MP.mpf(expiry.forward) * MP.mpf(RULES["unpaired"][level])
    return max(alone, together)


def by_expiry(group: Group) -> dict[Expiry, list[Option]]:
    found: dict[Expiry, list[Option]] = {}
    for option in group.options:
        if option.lots:
            found.setdefault(option.contract.expiry, []).append(option)
    return found


def badly_known(confidence: float) -> Number:
    threshold, scale = RULES["confidence"]
    if confidence < threshold:
        return (1 - MP.mpf(confidence)) * MP.mpf(scale)
    return MP.mpf(0)


def delta_ones(group: Group) -> tuple[Number, Number, Number]:
    """(units without netting, their size at their own price, what they have earned)."""
    units, size, coin = MP.mpf(0), MP.mpf(0), -MP.mpf(group.coin_cost)
    earned = -MP.mpf(group.cost)
    for position in group.delta_ones:
        lots, each, mark = MP.mpf(position.lots), MP.mpf(position.size), MP.mpf(position.mark)
        if position.inverse:
            units += abs(lots) * each / mark
            size += abs(lots) * each
            coin -= lots * each / mark
        else:
            units += abs(lots) * each
            size += abs(lots) * each * mark
            earned += lots * each * mark
    return units, size, earned + coin * MP.mpf(group.spot)


def counted(asset: Asset, level: str) -> Number:
    value = MP.mpf(asset.units) * MP.mpf(asset.price)
    cut = MP.mpf(asset.maintenance_haircut)
    if level == "initial":
        cut += MP.mpf(asset.initial_haircut)
    return value - abs(value) * cut


def level_of(group: Group, level: str) -> Level:
    spot, found = MP.mpf(group.spot), Level()
    units, size, _ = delta_ones(group)
    found.perpetuals = -size * MP.mpf(RULES["perpetual"][level])
    for asset in group.assets:
        found.collateral += counted(asset, level)
    shorts = MP.mpf(0)
    for expiry, options in by_expiry(group).items():
        found.options += expiry_balance(expiry, options, spot, level)
        short = -sum((units_of(each) for each in options if each.lots < 0), MP.mpf(0))
        shorts += short
        known = min(group.spot_confidence, expiry.forward_confidence, expiry.vol_confidence)
        found.confidence -= badly_known(known) * short * spot
    if level == "maintenance":
        found.confidence = MP.mpf(0)
        return found
    perpetual = min(group.spot_confidence, group.perpetual_confidence)
    found.confidence -= badly_known(perpetual) * units * spot
    for asset in group.assets:
        value = abs(MP.mpf(asset.units) * MP.mpf(asset.price))
        found.confidence -= badly_known(min(asset.confidence, group.spot_confidence)) * value
    threshold, scale = RULES["peg"]
    missing = max(MP.mpf(0), MP.mpf(threshold) - MP.mpf(group.stable))
    found.peg = -missing * MP.mpf(scale) * spot * (shorts + units)
    return found


def account_margin(account: Account) -> AccountMargin:
    cash = MP.mpf(account.cash)
    balances = {"initial": cash, "maintenance": cash}
    equity, gross, groups = cash, abs(cash), []
    for group in account.groups:
        spot = MP.mpf(group.spot)
        units, size, earned = delta_ones(group)
        equity += earned
        gross += size + units * spot + abs(MP.mpf(group.cost)) + abs(MP.mpf(group.coin_cost)) * spot
        for option in group.options:
            equity += units_of(option) * mark_of(option)
            gross += abs(units_of(option)) * max(spot, MP.mpf(option.contract.strike))
        for asset in group.assets:
            value = MP.mpf(asset.units) * MP.mpf(asset.price)
            equity += value / MP.mpf(group.stable)
            gross += abs(value)
        groups.append({level: level_of(group, level) for level in balances})
        for level, parts in groups[-1].items():
            asked = parts.options + parts.perpetuals + parts.confidence + parts.peg
            balances[level] += earned + parts.collateral + asked
    return AccountMargin(
        initial=balances["initial"],
        maintenance=balances["maintenance"],
        equity=equity,
        groups=groups,
        gross=gross,
    )
