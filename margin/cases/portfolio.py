"""Portfolio-margin cases, one JSON object on each line: a scenario, its parameters, its result.

Published by Derive (v2-core, portfolio margin risk manager 2). Each case carries the parameters it
was made with, so the method is the case's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from margin.cases import Case, Result
from margin.cases.files import CaseUnreadable, Fields, cases_in
from margin.cases.holdings import Expiry, Group, Held, Linear, Option, one_account
from margin.cases.portfolio_method import method, moves_spot_in_a_skew
from margin.cases.portfolio_results import compared
from margin.cases.reading import named, readable
from margin.engine import risk_array
from margin.engine.parameters import Parameters
from margin.engine.requirement import reference_requirement, requirement
from margin.engine.rounding import rounding_bound
from margin.engine.shapes import Book, Market


@dataclass(frozen=True, slots=True)
class PortfolioCases:
    NAME: str = "portfolio-margin cases (Derive PMRM)"

    def recognises(self, path: Path) -> bool:
        return any(_is_case(held) for _, held in cases_in(path))

    def cases(self, paths: Sequence[Path]) -> list[Case]:
        return named(paths, _run)


def read(case: Fields) -> tuple[Book, Market, Parameters]:
    """Account, market and method of a case. Raises CaseUnreadable and ParameterError."""
    given = case.part("Scenario")
    linear: tuple[Linear, ...] = ()
    cash = given.number("Cash") + given.number("UnrealisedFunding")
    quantity, unrealised = given.number("NumPerps"), given.number("UnrealisedPerpPNL")
    if quantity:
        linear = (Linear(quantity=quantity, mark=given.number("PerpPrice"), unrealised=unrealised),)
    else:
        cash += unrealised
    group = Group(
        spot=given.number("SpotPrice"),
        stable=given.number("StablePrice"),
        spot_confidence=given.number("SpotConfidence"),
        perpetual_confidence=given.number("PerpConfidence") if quantity else 1.0,
        expiries=_expiries(given),
        linear=linear,
        collateral=tuple(_held(each) for each in given.parts("Collaterals")),
    )
    parameters = case.part("Parameters")
    moving = bool(linear) or any(each.risk_cancelling for each in group.collateral)
    if moving and moves_spot_in_a_skew(parameters):
        raise CaseUnreadable("Parameters.Scenarios: a skew that moves what follows spot")
    return *one_account([group], cash=cash), method(parameters)


def _is_case(held: Any) -> bool:
    scenario = held.get("Scenario") if isinstance(held, dict) else None
    return isinstance(scenario, dict) and "OptionFeeds" in scenario


def _run(name: str, held: Any) -> Case:
    return readable(name, lambda: _results(Fields(held)))


def _held(each: Fields) -> Held:
    return Held(
        quantity=each.number("Amount"),
        price=each.number("Price"),
        confidence=each.number("Confidence"),
        initial_haircut=each.number("IMHaircut"),
        maintenance_haircut=each.number("MMHaircut"),
        risk_cancelling=each.flag("IsRiskCancelling"),
    )


def _feeds(given: Fields) -> dict[float, Fields]:
    """The market of each expiry by its seconds; one feed for each option, so most are repeated."""
    return {feed.number("FeedExpiry"): feed for feed in given.parts("OptionFeeds")}


def _expiries(given: Fields) -> tuple[Expiry, ...]:
    options: dict[float, list[Option]] = {seconds: [] for seconds in _feeds(given)}
    for each in given.parts("Options"):
        expiry = each.number("Expiry")
        if expiry not in options:
            raise CaseUnreadable(f"{each.at('Expiry')} has no feed")
        options[expiry].append(
            Option(
                quantity=each.number("Amount"),
                strike=each.number("Strike"),
                is_call=each.flag("IsCall"),
                vol=each.number("MarkVol"),
            )
        )
    return tuple(
        Expiry(
            seconds=seconds,
            forward=feed.number("Forward"),
            forward_confidence=feed.number("ForwardConfidence"),
            rate=feed.number("Rate"),
            rate_confidence=feed.number("RateConfidence"),
            vol_confidence=feed.number("OptionVolConfidences"),
            options=tuple(options[seconds]),
        )
        for seconds, feed in _feeds(given).items()
    )


def _results(case: Fields) -> tuple[Result, ...]:
    book, market, parameters = read(case)
    ours = reference_requirement(book, market, parameters)
    array = risk_array.build(market, parameters)
    whole = requirement(book, market, parameters, array)
    initial, maintenance = rounding_bound(book, market, parameters, array)
    integers = {
        "initial": (float(whole.initial[0]), float(initial[0])),
        "maintenance": (float(whole.maintenance[0]), float(maintenance[0])),
    }
    return compared(case, book=book, market=market, parameters=parameters, ours=ours, of=integers)
