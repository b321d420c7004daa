"""Margin of contracts paid in coin for one account, with 30 digits and one contract at a time.

Written from the published description of Deribit's portfolio margin; shares nothing with the engine.
Amounts are in coin, a requirement is positive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mpmath.ctx_mp import MPContext

MP = MPContext()
MP.dps = 30

YEAR, DAY = 365 * 24 * 3600, 24 * 3600

Number = Any  # what MP.mpf returns; mpmath carries no types


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    coins: float  # signed
    seconds: float  # 0 for a perpetual
    strike: float = 0.0  # 0 for a future
    is_call: bool = False
    vol: float = 0.0
    forward: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    initial: Number
    maintenance: Number
    worst: Number  # not rounded
    roll: Number
    delta_shock: Number
    outcomes: list[Number]


def normal(x: Number) -> Number:
    return MP.erfc(-x / MP.sqrt(2)) / 2


def d1_of(contract: Contract, forward: Number, vol: Number) -> tuple[Number, Number]:
    spread = vol * MP.sqrt(MP.mpf(contract.seconds) / YEAR)
    return MP.log(forward / MP.mpf(contract.strike)) / spread + spread / 2, spread


def money(contract: Contract, forward: Number, vol: Number) -> Number:
    """What an option is worth, Black 1976 at no rate."""
    strike, sign = MP.mpf(contract.strike), 1 if contract.is_call else -1
    if contract.seconds <= 0 or vol <= 0:
        return max(MP.mpf(0), sign * (forward - strike))
    d1, spread = d1_of(contract, forward, vol)
    return sign * (forward * normal(sign * d1) - strike * normal(sign * (d1 - spread)))


def shocked(contract: Contract, direction: str, rules: Mapping[str, Any]) -> Number:
    vol, days = MP.mpf(contract.vol), MP.mpf(contract.seconds) / DAY
    power = MP.mpf(rules["short_power"] if days <= 30 else rules["long_power"])
    term = MP.power(30 / max(days, MP.mpf(rules["floor_days"])), power)
    if direction == "up":
        return max(MP.mpf(rules["minimum_up"]), vol * (1 + MP.mpf(rules["range_up"]) * term))
    if direction == "down":
        return vol * max(MP.mpf(0), 1 - MP.mpf(rules["range_down"]) * term)
    return vol


def gain(
    contract: Contract, move: Number, direction: str, index: Number, rules: Mapping[str, Any]
) -> Number:
    coins, after = MP.mpf(contract.coins), index * (1 + move)
    if not contract.strike:
        return coins * (1 - index / after)
    forward = MP.mpf(contract.forward)
    now = money(contract, forward, MP.mpf(contract.vol)) / index
    then = money(contract, forward * (1 + move), shocked(contract, direction, rules)) / after
    return coins * (then - now)


def delta_of(contract: Contract, index: Number) -> Number:
    if not contract.strike:
        return MP.mpf(contract.coins)
    forward, vol = MP.mpf(contract.forward), MP.mpf(contract.vol)
    d1, _ = d1_of(contract, forward, vol)
    slope = normal(d1) if contract.is_call else normal(d1) - 1
    return MP.mpf(contract.coins) * (slope - money(contract, forward, vol) / index)


def margin(
    contracts: Sequence[Contract], index: float, other: float, rules: Mapping[str, Any]
) -> Margin:
    at, edge = MP.mpf(index), MP.mpf(rules["price_range"])
    outcomes = []
    for step in range(-rules["buckets"], rules["buckets"] + 1):
        for direction in ("down", "none", "up"):
            move = edge * step / rules["buckets"]
            outcomes.append(
                sum((gain(each, move, direction, at, rules) for each in contracts), MP.mpf(0))
            )
    for move in map(MP.mpf, rules["tails"]):
        at_edge = 1 + edge if move > 0 else 1 - edge
        total = sum((gain(each, move, "up", at, rules) for each in contracts), MP.mpf(0))
        total *= edge / abs(move) * (1 + move) / at_edge
        further = max(abs(move) / edge, MP.mpf(1)) - 1
        taken = min(further * MP.mpf(rules["dampener"]) / (at_edge * at), abs(total))
        outcomes.append(total - taken if total > 0 else total + taken)
    outcomes = [each * MP.mpf(rules["gain_share"]) if each > 0 else each for each in outcomes]
    worst = max(MP.mpf(0), -min(outcomes))

    by_expiry: dict[float, Number] = {}
    for each in contracts:
        by_expiry.setdefault(each.seconds, MP.mpf(0))
        by_expiry[each.seconds] += delta_of(each, at)
    roll = MP.mpf(0)
    for seconds, delta in by_expiry.items():
        rate = max(MP.mpf(rules["annual"]) * MP.mpf(seconds) / YEAR, MP.mpf(rules["least"]))
        roll += abs(delta) * rate
    delta = abs(sum(by_expiry.values(), MP.mpf(0)))
    beyond = delta - MP.mpf(rules["threshold"]) / at
    shock = MP.mpf(0)
    if beyond > 0:
        shock = delta * min(MP.mpf(rules["per_coin"]) * beyond, MP.mpf(rules["most"]))
    risk = worst + roll + shock
    return Margin(
        initial=risk + MP.mpf(other),
        maintenance=risk * MP.mpf(rules["maintenance_factor"]),
        worst=worst,
        roll=roll,
        delta_shock=shock,
        outcomes=outcomes,
    )
