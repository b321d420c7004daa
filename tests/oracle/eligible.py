"""What collateral counts for, slowly: integers and long division, one asset at a time.

A share is a ratio of two whole numbers; nothing is shared with what it judges.
"""

from __future__ import annotations

from typing import Any

Ratio = tuple[int, int]


def ratio(text: str) -> Ratio:
    """0.125 -> (125, 1000)."""
    if "E" in text.upper():
        head, _, power = text.upper().partition("E")
        top, bottom = ratio(head)
        raised = 10 ** abs(int(power))
        return (top * raised, bottom) if int(power) > 0 else (top, bottom * raised)
    whole, _, part = text.partition(".")
    return int(whole + part), 10 ** len(part)


def up(top: int, bottom: int) -> int:
    return (top + bottom - 1) // bottom


def eligible_value(
    asset: str,
    held: dict[str, int],
    *,
    elsewhere: dict[str, int],
    rules: dict[str, dict[str, Any]],
    prices: dict[str, str],
    digits: dict[str, int],
    reporting: str,
    member: str,
    exposure: dict[str, int],
) -> int:
    """Smallest units of the reporting asset."""

    def market(name: str, units: int) -> int:
        top, bottom = price(name)
        return top * units * 10 ** digits[reporting] // (bottom * 10 ** digits[name])

    def price(name: str) -> Ratio:
        return (1, 1) if name == reporting else ratio(prices[name])

    def after_haircut(name: str, units: int) -> int:
        if units <= 0:
            return 0
        worth = market(name, units)
        if name == reporting and name not in rules:
            return worth
        if not rules[name]["admitted"] and name != reporting:
            return 0
        top, bottom = ratio(rules[name]["haircut"])
        return worth - up(worth * top, bottom)

    mine = after_haircut(asset, held[asset])
    if asset == reporting:
        return mine
    rule = rules[asset]
    if mine == 0:
        return 0

    everything = sum(after_haircut(name, units) for name, units in held.items())
    everything += sum(after_haircut(name, units) for name, units in elsewhere.items())
    whole = mine + after_haircut(asset, elsewhere.get(asset, 0))
    left = mine
    if rule["account_limit"] is not None:
        top, bottom = ratio(rule["account_limit"])
        left = min(left, top * 10 ** digits[reporting] // bottom)
    if rule["member_limit"] is not None:
        top, bottom = ratio(rule["member_limit"])
        left = min(left, top * 10 ** digits[reporting] * mine // (bottom * whole))
    if rule["member_share"] is not None:
        top, bottom = ratio(rule["member_share"])
        left = min(left, top * everything * mine // (bottom * whole))

    at_risk = left
    if not (rule["issuer"] and rule["issuer"] == member):
        at_risk = min(left, max(0, exposure.get(rule["underlying"], 0)))
    top, bottom = ratio(rule["wrong_way_cut"])
    left -= up(at_risk * top, bottom)

    if not rule["peg"]:
        return left
    mark, peg = price(asset), price(rule["peg"])
    now, par = mark[0] * peg[1], peg[0] * mark[1]  # over the same bottom
    if now >= par:
        return left - up(left * (now - par), now)
    step, step_bottom = ratio(rule["depeg_threshold"])
    steps = 0
    while (steps + 1) * step * par <= (par - now) * step_bottom and steps < 1_100:
        steps += 1
    top, bottom = ratio(rule["depeg_cut"])
    return left - min(left, up(left * steps * top, bottom))
