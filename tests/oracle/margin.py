"""PMRM-2 for one account, written out formula by formula with 30 digits: slow, and meant to be.

It exists to disagree with the engine. It shares nothing with it, not even the parameter file.

Balance style: more is better, a loss is negative. Money is in the reporting currency, time in
seconds, rates and volatilities per year of 365 days.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mpmath.ctx_mp import MPContext

from tests.oracle.books import Account, Asset, Contract, DeltaOne, Expiry, Group, Option
from tests.oracle.pmrm2_parameters import Parameters

DIGITS = 30
MP = MPContext()
MP.dps = DIGITS

YEAR = 365 * 24 * 3600
DAY = 24 * 3600
SETTLEMENT_WINDOW = 1800
SKEWS = ("linear", "abs")

Number = Any  # what MP.mpf returns; mpmath carries no types


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMargin:
    scenarios: list[Number]  # as listed in the parameters; the basis contingency comes last
    worst: Number
    mark_to_market: Number  # positions and collateral
    collateral: Number  # the part of it that is collateral
    basis: Number
    initial_factor: Number
    initial_contingency: Number  # charged for the initial level on top of the maintenance part
    maintenance_contingency: Number
    confidence_contingency: Number  # the part of the initial one that low confidence causes
    gross: Number  # size of everything held, for tolerances


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountMargin:
    initial: Number
    maintenance: Number
    equity: Number
    groups: list[GroupMargin]
    gross: Number


# One option ---------------------------------------------------------------------------------------


def black(forward: Number, strike: Number, deviation: Number, is_call: bool) -> Number:
    """Undiscounted value of a European option; `deviation` is vol * sqrt(time)."""
    if deviation <= 0:
        if is_call:
            return max(forward - strike, MP.mpf(0))
        return max(strike - forward, MP.mpf(0))
    d1 = MP.log(forward / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    if is_call:
        return forward * normal(d1) - strike * normal(d2)
    return strike * normal(-d2) - forward * normal(-d1)


def normal(x: Number) -> Number:
    """Distribution of the standard normal."""
    return MP.erfc(-x / MP.sqrt(2)) / 2


def years(expiry: Expiry) -> Number:
    if expiry.seconds <= 0:
        return MP.mpf(0)
    return MP.mpf(expiry.seconds) / YEAR


def positive_rate(expiry: Expiry) -> Number:
    if expiry.rate < 0:
        return MP.mpf(0)
    return MP.mpf(expiry.rate)


def discount(expiry: Expiry) -> Number:
    return MP.exp(-positive_rate(expiry) * years(expiry))


def shocked_forward(expiry: Expiry, shock: float) -> Number:
    """In the settlement window the price is an average, and part of it is known already."""
    forward = MP.mpf(expiry.forward)
    if expiry.seconds >= SETTLEMENT_WINDOW:
        return forward * MP.mpf(shock)
    if expiry.seconds <= 0:
        return forward
    variable = forward * MP.mpf(expiry.seconds) / SETTLEMENT_WINDOW
    fixed = forward - variable
    return fixed + variable * MP.mpf(shock)


@cache
def unit_value(contract: Contract, shock: float, vol: str, parameters: Parameters) -> Number:
    """Value of one unit under a price shock and a named volatility shock."""
    if vol in SKEWS:
        shock = 1.0  # the published set has a skew with a price shock: options do not take it
    time = years(contract.expiry)
    deviation = shocked_vol(contract, vol, parameters) * MP.sqrt(time) if time > 0 else time
    forward = shocked_forward(contract.expiry, shock)
    value = black(forward, MP.mpf(contract.strike), deviation, contract.is_call)
    return discount(contract.expiry) * value


# Volatility shocks --------------------------------------------------------------------------------


def term(expiry: Expiry, parameters: Parameters) -> Number:
    """(30 days / time) to the power for its side of 30 days."""
    days = MP.mpf(expiry.seconds) / DAY
    if days <= 30:
        power = MP.mpf(parameters["short_term_power"])
    else:
        power = MP.mpf(parameters["long_term_power"])
    days = max(days, MP.mpf(parameters["days_floor"]))
    return MP.power(30 / days, power)


def shocked_vol(contract: Contract, vol: str, parameters: Parameters) -> Number:
    """Mark volatility after the shock that a scenario names."""
    mark = MP.mpf(contract.vol)
    if vol == "none":
        return mark
    if vol == "up":
        up = 1 + MP.mpf(parameters["vol_range_up"]) * term(contract.expiry, parameters)
        return max(MP.mpf(parameters["min_vol_up"]), mark * up)
    if vol == "down":
        down = 1 - MP.mpf(parameters["vol_range_down"]) * term(contract.expiry, parameters)
        return mark * max(MP.mpf(0), down)
    return mark * skew_multiple(contract, vol, parameters)


def skew_multiple(contract: Contract, vol: str, parameters: Parameters) -> Number:
    """Vols away from the forward move with log-moneyness (linear) or its size (abs)."""
    root = MP.sqrt(years(contract.expiry))
    cap = MP.mpf(parameters[f"{vol}_cap_slope"]) * root + MP.mpf(parameters[f"{vol}_base_cap"])
    width = MP.mpf(parameters["vol_static"]) + root * MP.mpf(parameters["vol_scale"])
    k_star = root * MP.mpf(parameters["width_scale"]) * width
    k_star = max(MP.mpf(parameters["min_k_star"]), k_star)
    k = MP.log(MP.mpf(contract.strike) / MP.mpf(contract.expiry.forward))
    if vol == "abs":
        k = abs(k)
    move = k * cap / k_star
    multiple = 1 + min(cap, move) if k >= 0 else 1 + max(-cap, move)
    return max(MP.mpf(0), multiple)


# One expiry ---------------------------------------------------------------------------------------


def by_expiry(group: Group) -> dict[Expiry, list[Option]]:
    found: dict[Expiry, list[Option]] = {}
    for option in group.options:
        if option.lots != 0:
            found.setdefault(option.contract.expiry, []).append(option)
    return found


def quantity(option: Option) -> Number:
    return MP.mpf(option.lots) * MP.mpf(option.size)


def value(options: list[Option], shock: float, vol: str, parameters: Parameters) -> Number:
    total = MP.mpf(0)
    for option in options:
        total += quantity(option) * unit_value(option.contract, shock, vol, parameters)
    return total


@cache
def long_discount(expiry: Expiry, parameters: Parameters) -> Number:
    """What is owned is marked down."""
    rate = positive_rate(expiry) * MP.mpf(parameters["long_rate_multiple"])
    rate += MP.mpf(parameters["long_rate_add"])
    return MP.mpf(parameters["long_base"]) * MP.exp(-years(expiry) * rate)


@cache
def short_discount(expiry: Expiry, parameters: Parameters) -> Number:
    """What is owed is marked up, but not above undiscounted."""
    rate = positive_rate(expiry) * MP.mpf(parameters["short_rate_multiple"])
    rate += MP.mpf(parameters["short_rate_add"])
    marked_up = MP.mpf(parameters["short_base"]) * MP.exp(years(expiry) * rate)
    return min(1 / discount(expiry), marked_up)


# One group ----------------------------------------------------------------------------------------


def asset_value(asset: Asset, group: Group) -> Number:
    return MP.mpf(asset.units) * MP.mpf(asset.price) / MP.mpf(group.stable)


def units_of(position: DeltaOne) -> Number:
    units = MP.mpf(position.lots) * MP.mpf(position.size)
    if position.inverse:
        return units / MP.mpf(position.mark)
    return units


def delta_one_value(group: Group) -> Number:
    """Profit since entry of futures and perpetuals; what is paid in coin counts at spot."""
    total = -MP.mpf(group.cost)
    coin = -MP.mpf(group.coin_cost)
    for position in group.delta_ones:
        if position.inverse:
            coin += MP.mpf(position.lots) * (-MP.mpf(position.size) / MP.mpf(position.mark))
        else:
            total += MP.mpf(position.lots) * MP.mpf(position.size) * MP.mpf(position.mark)
    return total + coin * MP.mpf(group.spot)


def delta_one_pnl(group: Group, shock: float) -> Number:
    """Profit under a price shock, by valuing everything again."""
    k = MP.mpf(shock)
    total = MP.mpf(0)
    coin_before = -MP.mpf(group.coin_cost)
    coin_after = -MP.mpf(group.coin_cost)
    for position in group.delta_ones:
        lots, size, mark = MP.mpf(position.lots), MP.mpf(position.size), MP.mpf(position.mark)
        if position.inverse:
            coin_before += lots * (-size / mark)
            coin_after += lots * (-size / (mark * k))
        else:
            total += lots * size * mark * (k - 1)
    spot = MP.mpf(group.spot)
    return total + coin_after * spot * k - coin_before * spot


def scenario_pnl(group: Group, scenario: Mapping[str, Any], parameters: Parameters) -> Number:
    shock, vol = scenario["shock"], scenario["vol"]
    total = MP.mpf(0)
    for expiry, options in by_expiry(group).items():
        then = value(options, shock, vol, parameters)
        if then >= 0:
            then *= long_discount(expiry, parameters)
        else:
            then *= short_discount(expiry, parameters)
        pnl = then - value(options, 1.0, "none", parameters)
        if vol in SKEWS:
            pnl = -abs(pnl)
        total += pnl
    total += delta_one_pnl(group, shock)
    for asset in group.assets:
        if asset.risk_cancelling:
            total += asset_value(asset, group) * (MP.mpf(shock) - 1)
    return MP.mpf(scenario["damping"]) * total


def basis_contingency(group: Group, parameters: Parameters) -> Number:
    """Each forward may part from spot on its own: the worse side of each expiry, in proportion."""
    total = MP.mpf(0)
    for expiry, options in by_expiry(group).items():
        now = value(options, 1.0, "none", parameters)
        up = value(options, parameters["basis_up"], "none", parameters) - now
        down = value(options, parameters["basis_down"], "none", parameters) - now
        weight = MP.mpf(parameters["basis_multiple"]) * years(expiry)
        weight += MP.mpf(parameters["basis_add"])
        total += min(up, down, MP.mpf(0)) * weight
    return total


# What is charged whatever the scenarios say -------------------------------------------------------


def naked_options(group: Group) -> Number:
    """Units sold short at each expiry and strike, once longs there are taken off."""
    total = MP.mpf(0)
    for options in by_expiry(group).values():
        nets: dict[float, Number] = {}
        for option in options:
            strike = option.contract.strike
            nets[strike] = nets.get(strike, MP.mpf(0)) + quantity(option)
        for net in nets.values():
            if net < 0:
                total += -net
    return total


def gross_units(group: Group) -> Number:
    total = MP.mpf(0)
    for position in group.delta_ones:
        total += abs(units_of(position))
    return total


def confidence_charge(confidence: float, amount: Number, parameters: Parameters) -> Number:
    if confidence < parameters["confidence_threshold"]:
        return (1 - MP.mpf(confidence)) * MP.mpf(parameters["confidence_scale"]) * amount
    return MP.mpf(0)


def confidence_charges(group: Group, parameters: Parameters) -> Number:
    total = MP.mpf(0)
    spot = MP.mpf(group.spot)
    delta_ones = gross_units(group)
    if delta_ones > 0:
        confidence = min(group.spot_confidence, group.perpetual_confidence)
        total += confidence_charge(confidence, delta_ones * spot, parameters)
    for expiry, options in by_expiry(group).items():
        confidence = min(
            group.spot_confidence,
            expiry.forward_confidence,
            expiry.rate_confidence,
            expiry.vol_confidence,
        )
        if delta_ones > 0:
            confidence = min(confidence, group.perpetual_confidence)
        units = MP.mpf(0)
        for option in options:
            units += abs(quantity(option))
        total += confidence_charge(confidence, units * spot, parameters)
    for asset in group.assets:
        confidence = min(asset.confidence, group.spot_confidence)
        total += confidence_charge(confidence, abs(asset_value(asset, group)), parameters)
    return total


def static_charges(group: Group, parameters: Parameters, level: str) -> Number:
    spot = MP.mpf(group.spot)
    total = gross_units(group) * spot * MP.mpf(parameters[f"{level}_perpetual"])
    total += naked_options(group) * spot * MP.mpf(parameters[f"{level}_option"])
    for asset in group.assets:
        haircut = asset.initial_haircut if level == "initial" else asset.maintenance_haircut
        total += abs(asset_value(asset, group)) * MP.mpf(haircut)
    return total


# The whole ----------------------------------------------------------------------------------------


def group_margin(group: Group, parameters: Parameters) -> GroupMargin:
    scenarios = [scenario_pnl(group, each, parameters) for each in parameters["scenarios"]]
    basis = basis_contingency(group, parameters)
    scenarios.append(basis)

    collateral = MP.mpf(0)
    gross = gross_units(group) * MP.mpf(group.spot) + abs(MP.mpf(group.cost))
    gross += abs(MP.mpf(group.coin_cost)) * MP.mpf(group.spot)
    for asset in group.assets:
        collateral += asset_value(asset, group)
        gross += abs(asset_value(asset, group))
    mark_to_market = delta_one_value(group) + collateral
    for option in group.options:
        unit = unit_value(option.contract, 1.0, "none", parameters)
        mark_to_market += quantity(option) * unit
        gross += abs(quantity(option)) * MP.mpf(group.spot)

    depeg = max(MP.mpf(0), MP.mpf(parameters["peg_threshold"]) - MP.mpf(group.stable))
    confidence = confidence_charges(group, parameters)
    return GroupMargin(
        scenarios=scenarios,
        worst=min(scenarios),
        mark_to_market=mark_to_market,
        collateral=collateral,
        basis=basis,
        initial_factor=MP.mpf(parameters["initial_factor"])
        + depeg * MP.mpf(parameters["peg_factor"]),
        initial_contingency=static_charges(group, parameters, "initial") + confidence,
        maintenance_contingency=static_charges(group, parameters, "maintenance"),
        confidence_contingency=confidence,
        gross=gross,
    )


def account_margin(account: Account, parameters: Parameters) -> AccountMargin:
    groups = [group_margin(group, parameters) for group in account.groups]
    initial = maintenance = equity = MP.mpf(account.cash)
    gross = abs(MP.mpf(account.cash))
    for group in groups:
        equity += group.mark_to_market
        maintenance += group.mark_to_market - group.maintenance_contingency
        maintenance += group.worst * MP.mpf(parameters["maintenance_factor"])
        initial += group.mark_to_market - group.maintenance_contingency - group.initial_contingency
        initial += group.worst * group.initial_factor
        gross += group.gross
    return AccountMargin(
        initial=initial, maintenance=maintenance, equity=equity, groups=groups, gross=gross
    )
