"""Cases of a standard manager with 18 decimals: one JSON object, a name to its scenario and result.

Published by Derive (v2-core, standard manager). The parameters are not in the file; they are those
of margin/methods/standard/derive-standard-cases.json.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from margin.cases import Case, Result
from margin.cases.files import CaseUnreadable, Fields, cases_in
from margin.cases.holdings import Expiry, Group, Held, Linear, Option, one_account
from margin.cases.reading import Figure, named, readable, results
from margin.engine import standard
from margin.engine.shapes import Book, Market
from margin.engine.standard import StandardParameters, StandardRequirement
from margin.engine.standard import array as standard_array

METHODS = Path(__file__).parents[1] / "methods" / "standard"
WRITTEN_AS = 1e18  # one, in this layout
UNDERLYINGS = ("ETH", "BTC")  # the order of its lists that name none
SETTLING_SECONDS = 3600.0  # the publisher's: from here on an expiry is valued at what is settled
CANCELLED = 1e-15  # of all that is added up; what a published zero may be met with

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class StandardCases:
    NAME: str = "standard-manager cases (Derive)"

    def recognises(self, path: Path) -> bool:
        return any(_is_case(held) for _, held in cases_in(path))

    def cases(self, paths: Sequence[Path]) -> list[Case]:
        return named(paths, _run)


@cache
def parameters() -> StandardParameters:
    return standard.load(METHODS / "derive-standard-cases.json")


def read(case: Fields, *, settled: bool = True) -> tuple[Book, Market]:
    """The account of a case and its market. Raises CaseUnreadable naming the field.

    settled  whether an expiry in its last hour is valued at what is settled of it
    """
    scenario = case.part("Scenario", scale=WRITTEN_AS)
    groups = [_group(scenario, name, row, settled=settled) for row, name in enumerate(UNDERLYINGS)]
    funding = sum(_funding(scenario, name) for name in UNDERLYINGS)
    return one_account(groups, cash=scenario.number("Cash") + funding)


def _is_case(case: Any) -> bool:
    scenario = case.get("Scenario") if isinstance(case, dict) else None
    return isinstance(scenario, dict) and "ETHSpotPrice" in scenario


def _run(name: str, held: Any) -> Case:
    return readable(name, lambda: _results(Fields(held)))


def _results(case: Fields) -> tuple[Result, ...]:
    scenario, published = (
        case.part("Scenario", scale=WRITTEN_AS),
        case.part("Result", scale=WRITTEN_AS),
    )
    book, market = read(case)
    array = standard_array.build(market, parameters())
    ours = standard.reference_requirement(book, market, parameters())
    whole = standard.requirement(book, market, parameters(), array)
    initial, maintenance = standard.rounding_bound(book, market, parameters(), array)
    bounds = {"initial": float(initial[0]), "maintenance": float(maintenance[0])}

    at_forwards = standard.reference_requirement(*read(case, settled=False), parameters())
    figures = _figures(ours, scenario, market)
    integers = _figures(whole, scenario, market)
    figures |= _bounded(at_forwards, scenario)
    added = float(np.abs(ours.mark_to_market).sum() + np.abs(ours.option_initial).sum())
    return results(
        published,
        {
            name: Figure(
                ours=value,
                integer=integers[name] if name in LEVELS else None,
                bound=bounds[LEVELS[name]] if name in LEVELS else 0.0,
                half=CANCELLED * added,
            )
            for name, value in figures.items()
        },
        levels=LEVELS,
    )


LEVELS = {
    "realIM": "initial",
    "realMM": "maintenance",
    "HandIM": "initial",
    "HandMM": "maintenance",
}


def _figures(found: StandardRequirement, scenario: Fields, market: Market) -> Figures:
    """What the engine says, by the publisher's names."""
    figures = {
        "realIM": float(found.initial[0]),
        "realMM": float(found.maintenance[0]),
        "HandIM": float(found.initial[0]),
        "HandMM": float(found.maintenance[0]),
        "PortfolioMtM": float(found.equity[0]),
        "UnrealizedPNL": float(found.unrealised.sum()),
        "UnsettledFunding": sum(_funding(scenario, name) for name in UNDERLYINGS),
        "PerpMargin": float(found.linear_maintenance.sum()),
        "OracleConts": float(found.confidence.sum()),
        "DepegIMs": float(found.peg.sum()),
        "BaseMargin": float(found.collateral_maintenance.sum()),
        "Cash": scenario.number("Cash"),
    }
    owner = market.expiries.underlying[found.expiry]
    for row, name in enumerate(UNDERLYINGS):
        figures[f"{name}OptionIM"] = float(found.option_initial[0, row])
        figures[f"{name}OptionMM"] = float(found.option_maintenance[0, row])
        figures[f"{name}OptionIsolatedIM"] = float(found.isolated_initial[owner == row].sum())
        figures[f"{name}OptionIsolatedMM"] = float(found.isolated_maintenance[owner == row].sum())
    return figures


def _bounded(found: StandardRequirement, scenario: Fields) -> Figures:
    """The largest loss, as the publisher writes it down.

    That is: a gain stays one, forwards are not averaged with what is settled, and of several
    expiries it is that of the last, in the order in which the options name them.
    """
    figures = {}
    charge = parameters().unpaired_calls
    place = 0
    for name in UNDERLYINGS:
        seconds = _expiries_of(scenario, name)
        worst, unpaired = 0.0, 0.0
        if seconds:
            at = np.flatnonzero(found.expiry == place + len(seconds) - 1)
            worst, unpaired = float(found.worst_payoff[at].sum()), float(found.unpaired[at].sum())
        figures[f"{name}OptionBoundedIM"] = worst + charge.initial * unpaired
        figures[f"{name}OptionBoundedMM"] = worst + charge.maintenance * unpaired
        place += len(seconds)
    return figures


def _expiries_of(scenario: Fields, name: str) -> list[float]:
    """Seconds to each expiry on an underlying, in the order in which its options name them."""
    owners = scenario.texts("OptionUnderlying")
    seconds = scenario.numbers("OptionExpiries", scale=1.0)
    return list(
        dict.fromkeys(each for owner, each in zip(owners, seconds, strict=True) if owner == name)
    )


def _group(scenario: Fields, name: str, row: int, *, settled: bool) -> Group:
    """All that is held on one underlying; `row` is its place in lists that name none."""
    spot = scenario.number(f"{name}SpotPrice")
    confidence, perpetual_confidence = _confidences(scenario, row)
    held, perpetual = scenario.number(f"w{name}"), scenario.number(f"Perps_{name}")
    terms = parameters().terms_of(name)
    linear: tuple[Linear, ...] = ()
    if perpetual:
        marks = scenario.numbers("PerpPrice")
        if len(marks) <= row:
            raise CaseUnreadable(f"Scenario.PerpPrice has none of {name}")
        entry = scenario.number(f"LastEntry{name}")
        linear = (
            Linear(
                quantity=perpetual, mark=marks[row], unrealised=perpetual * (marks[row] - entry)
            ),
        )
    return Group(
        spot=spot,
        stable=scenario.number("USDCValue"),
        spot_confidence=confidence,
        perpetual_confidence=perpetual_confidence,
        expiries=_expiries(scenario, name, settled=settled),
        linear=linear,
        collateral=(
            Held(
                quantity=held,
                price=spot,
                confidence=confidence,
                initial_haircut=terms.initial_haircut,
                maintenance_haircut=terms.maintenance_haircut,
            ),
        )
        if held
        else (),
    )


def _expiries(scenario: Fields, name: str, *, settled: bool) -> tuple[Expiry, ...]:
    """The expiries of an underlying with their options; a row of each list is one option."""
    owners = scenario.texts("OptionUnderlying")
    columns = {
        key: scenario.numbers(key)
        for key in (
            "OptionStrikes",
            "OptionAmounts",
            "OptionVols",
            "OptionVolConfidences",
            "Forwards",
            "ForwardConfidences",
        )
    }
    expires = scenario.numbers("OptionExpiries", scale=1.0)
    calls = scenario.flags("OptionIsCall")
    if {len(owners), len(calls), len(expires), *map(len, columns.values())} != {len(owners)}:
        raise CaseUnreadable("Scenario: the lists of options differ in length")
    if scenario.numbers("FeedExpiries", scale=1.0) != expires:
        raise CaseUnreadable("Scenario.FeedExpiries is not what the options expire at")
    if not set(owners) <= set(UNDERLYINGS):
        raise CaseUnreadable("Scenario.OptionUnderlying names another underlying")
    found: dict[float, Expiry] = {}
    for row in (row for row, owner in enumerate(owners) if owner == name):
        seconds, forward = expires[row], columns["Forwards"][row]
        if settled and seconds < SETTLING_SECONDS:
            forward = scenario.number(f"SettlementPrice{name}")
        new = Expiry(
            seconds=seconds,
            forward=forward,
            forward_confidence=columns["ForwardConfidences"][row],
            vol_confidence=columns["OptionVolConfidences"][row],
            options=(),
        )
        option = Option(
            quantity=columns["OptionAmounts"][row],
            strike=columns["OptionStrikes"][row],
            is_call=calls[row],
            vol=columns["OptionVols"][row],
        )
        expiry = found.get(seconds, new)
        found[seconds] = replace(
            expiry,
            options=(*expiry.options, option),
            vol_confidence=min(expiry.vol_confidence, new.vol_confidence),
        )
    return tuple(found.values())


def _confidences(scenario: Fields, row: int) -> tuple[float, float]:
    """Confidence of spot and perpetual."""
    rows = scenario.rows("SpotPerpConfidences")
    try:
        spot, perpetual = (float(value) / WRITTEN_AS for value in rows[row])
    except (IndexError, TypeError, ValueError):
        raise CaseUnreadable("Scenario.SpotPerpConfidences: two numbers each") from None
    return spot, perpetual


def _funding(scenario: Fields, name: str) -> float:
    """What a perpetual has earned in funding and nobody has paid."""
    quantity = scenario.number(f"Perps_{name}")
    if not quantity:
        return 0.0
    since = scenario.number(f"Account{name}FundingIndex")
    return quantity * (since - scenario.number(f"{name}GlobalFundingIndex"))
