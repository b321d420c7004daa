"""Margin by risk arrays for one account, in fractions and by name: slow, and step by step as told.

A method is what its file holds, a series is a dict (commodity, tier, month, losses, delta, call,
value), an account maps series to lots. Shares nothing with the engine.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

Names = Mapping[str, Any]
Pools = dict[tuple[str, str], dict[bool, Fraction]]


def requirement(
    method: Names, series: Sequence[Names], lots: Mapping[int, int]
) -> dict[str, dict[str, Fraction] | Fraction]:
    """Every component by commodity, and the two levels."""
    scan, price_risk = {}, {}
    for name in method["commodities"]:
        scan[name], price_risk[name] = _scan(method, series, lots, name)
    months: dict[tuple[str, str, str], Fraction] = defaultdict(Fraction)
    for row, held in lots.items():
        each = series[row]
        months[each["commodity"], each["tier"], each["month"]] += held * Fraction(each["delta"])
    spread, delivery = _inside(method, months)
    credit = _between(method, months, price_risk)
    risk, value = {}, {}
    for name, terms in method["commodities"].items():
        floor = _shorts(method, series, lots, name) * Fraction(terms["short_option_minimum"])
        risk[name] = max(scan[name] + spread[name] + delivery[name] - credit[name], floor)
        value[name] = sum(
            (
                held * Fraction(series[row]["value"])
                for row, held in lots.items()
                if series[row]["commodity"] == name
            ),
            Fraction(0),
        )
    found: dict[str, Any] = {
        "scan": scan,
        "spread": spread,
        "delivery": delivery,
        "credit": credit,
        "risk": risk,
    }
    for level, multiple in method["level"].items():
        gaps = [risk[name] * Fraction(multiple) - value[name] for name in risk]
        if method["option_value_reaches"] == "commodity":
            gaps = [max(gap, Fraction(0)) for gap in gaps]
        found[level] = max(sum(gaps, Fraction(0)), Fraction(0))
    return found


def _scan(
    method: Names, series: Sequence[Names], lots: Mapping[int, int], name: str
) -> tuple[Fraction, Fraction]:
    """The largest loss, and the price risk in it."""
    losses = {}
    for place, scenario in enumerate(method["scenarios"]):
        losses[scenario["name"]] = sum(
            (
                held * Fraction(series[row]["losses"][place])
                for row, held in lots.items()
                if series[row]["commodity"] == name
            ),
            Fraction(0),
        )
    worst = max(losses.values())
    if worst <= 0:
        return Fraction(0), Fraction(0)
    active = next(each for each in method["scenarios"] if losses[each["name"]] == worst)
    pair = losses[active.get("pair", active["name"])]
    still = [losses[each["name"]] for each in method["scenarios"] if each["price"] == 0]
    return worst, (worst + pair) / 2 - sum(still, Fraction(0)) / len(still)


def _inside(
    method: Names, months: Mapping[tuple[str, str, str], Fraction]
) -> tuple[dict[str, Fraction], dict[str, Fraction]]:
    """Spread and delivery charges of each commodity."""
    spread_charge, delivery_charge = {}, {}
    for name, terms in method["commodities"].items():
        pools = {
            tier["name"]: {
                sign: sum(
                    (
                        abs(delta)
                        for (owner, at, _), delta in months.items()
                        if owner == name and at == tier["name"] and (delta > 0) == sign and delta
                    ),
                    Fraction(0),
                )
                for sign in (True, False)
            }
            for tier in terms["tiers"]
        }
        full = {tier: sum(pool.values()) for tier, pool in pools.items()}
        charge = Fraction(0)
        for spread in terms["spreads"]:
            for a_is_long in (True, False):
                wanted = [
                    (leg["tier"], (leg["side"] == "a") == a_is_long, Fraction(leg["ratio"]))
                    for leg in spread["legs"]
                ]
                count = min(pools[tier][sign] / ratio for tier, sign, ratio in wanted)
                for tier, sign, ratio in wanted:
                    pools[tier][sign] -= count * ratio
                charge += count * Fraction(spread["charge"])
        spread_charge[name] = charge
        delivery_charge[name] = Fraction(0)
        for tier in terms["tiers"]:
            rates = tier.get("delivery", {"spread": 0, "outright": 0})
            left = sum(pools[tier["name"]].values())
            delivery_charge[name] += (full[tier["name"]] - left) * Fraction(rates["spread"])
            delivery_charge[name] += left * Fraction(rates["outright"])
    return spread_charge, delivery_charge


def _between(
    method: Names,
    months: Mapping[tuple[str, str, str], Fraction],
    price_risk: Mapping[str, Fraction],
) -> dict[str, Fraction]:
    net = {
        name: sum((delta for (owner, _, _), delta in months.items() if owner == name), Fraction(0))
        for name in method["commodities"]
    }
    left = {name: abs(delta) for name, delta in net.items()}
    saved = dict.fromkeys(net, Fraction(0))
    for credit in method["credits"]:
        sides: dict[str, set[int]] = {"a": set(), "b": set()}
        for leg in credit["legs"]:
            delta = net[leg["commodity"]]
            sides[leg["side"]].add((delta > 0) - (delta < 0))
        if (sides["a"], sides["b"]) not in (({1}, {-1}), ({-1}, {1})):
            continue
        count = min(left[leg["commodity"]] / Fraction(leg["ratio"]) for leg in credit["legs"])
        for leg in credit["legs"]:
            name, ratio = leg["commodity"], Fraction(leg["ratio"])
            left[name] -= count * ratio
            if price_risk[name] > 0:
                weighted = price_risk[name] / abs(net[name])
                saved[name] += weighted * count * ratio * Fraction(credit["credit"])
    return saved


def _shorts(method: Names, series: Sequence[Names], lots: Mapping[int, int], name: str) -> int:
    counted = {True: 0, False: 0}
    for row, held in lots.items():
        each = series[row]
        if each["commodity"] == name and each["call"] is not None and held < 0:
            counted[each["call"]] -= held
    largest = max(counted.values())
    return sum(counted.values()) if method["short_options_counted"] == "sum" else largest
