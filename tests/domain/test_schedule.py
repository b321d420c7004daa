"""The collateral schedule: what a document says, when it comes, and what may not be hurried."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from clearing.domain import clock, schedule
from clearing.domain.amounts import NotANumber
from clearing.domain.events.schedule import (
    CollateralAssetAdmitted,
    CollateralScheduleOpened,
    HaircutSet,
    OutflowLimitSet,
)
from clearing.domain.schedule import (
    NOTICE,
    Announced,
    NoticeTooShort,
    Schedule,
    ScheduleNotValid,
    Terms,
    earliest,
    facts_of,
    in_force,
    timed,
)
from tests.builders import START, after

HOUSE = Path(__file__).parents[2] / "clearing" / "schedules" / "house.json"


def haircut(share: str) -> HaircutSet:
    return HaircutSet(asset="BTC", haircut=share, effective_from="")


def limit(**but: str) -> OutflowLimitSet:
    usual = {"house_amount": "", "house_share": "", "member_amount": "", "member_share": ""}
    return OutflowLimitSet(asset="BTC", effective_from="", **(usual | but))


def told(*facts: tuple[Any, float, float]) -> list[Announced]:
    """(fact, announced after hours, in force after hours)."""
    return [
        Announced(
            sequence=at,
            announced_at=after(hours=said),
            effective_from=after(hours=then),
            fact=fact,
        )
        for at, (fact, said, then) in enumerate(facts)
    ]


OPENED = (CollateralScheduleOpened(reporting="USDC"), 0, 0)
ADMITTED = (
    CollateralAssetAdmitted(
        asset="BTC", locations="BANK VAULT", custodian_confirms=True, effective_from=""
    ),
    0,
    0,
)


def test_before_the_first_schedule_there_is_none():
    assert not in_force([], at=START).opened


def test_terms_come_when_their_time_comes_and_the_past_keeps_its_own():
    facts = told(OPENED, ADMITTED, (haircut("0.1"), 0, 0), (haircut("0.2"), 1, 25))

    def at(hours: int) -> Decimal:
        return in_force(facts, at=after(hours=hours)).of("BTC").haircut

    assert [at(0), at(24), at(25), at(0)] == list(map(Decimal, ["0.1", "0.1", "0.2", "0.1"]))
    assert in_force(facts, at=START).of("BTC").locations == ("BANK", "VAULT")


def test_the_last_word_takes_back_what_was_announced_before_and_has_not_come():
    facts = told(OPENED, (limit(house_amount="100"), 0, 0), (limit(house_amount="900"), 1, 25))
    lowered = [*facts, replace(told((limit(house_amount="50"), 2, 2))[0], sequence=9)]

    assert in_force(facts, at=after(hours=30)).of("BTC").outflow_house_amount == 900
    assert in_force(lowered, at=after(hours=30)).of("BTC").outflow_house_amount == 50


def test_what_nobody_spoke_of_is_not_admitted_but_the_reporting_asset_is():
    found = in_force(told(OPENED), at=START)

    assert found.of("USDC").admitted
    assert not found.of("BTC").admitted


BEFORE = Schedule(
    reporting="USDC",
    terms={"BTC": Terms(asset="BTC", admitted=True, outflow_house_amount=Decimal(100))},
)


@pytest.mark.parametrize("fact", [haircut("0.5"), haircut("0"), ADMITTED[0]])
def test_every_change_waits_its_notice(fact):
    soonest = earliest(fact, at=START, before=BEFORE, first=False, held=())

    assert soonest == START + NOTICE
    with pytest.raises(NoticeTooShort) as refused:
        timed(fact, wanted=clock.text(after(hours=23)), no_earlier_than=soonest)
    assert refused.value.facts["earliest"] == clock.text(soonest)
    assert timed(fact, wanted="", no_earlier_than=soonest).effective_from == clock.text(soonest)


@pytest.mark.parametrize(
    ("said", "at_once"),
    [
        ({"house_amount": "99"}, True),
        ({"house_amount": "100", "member_amount": "1"}, True),
        ({"house_amount": "101"}, False),
        ({"house_amount": "1", "house_share": "0.1"}, True),
        ({"member_amount": "1"}, False),  # the house's own limit would be gone
        ({}, False),
    ],
)
def test_only_a_lower_outflow_limit_is_immediate(said, at_once):
    soonest = earliest(limit(**said), at=START, before=BEFORE, first=False, held=())

    assert (soonest == START) is at_once


def test_a_first_schedule_is_at_once_except_where_it_cuts_what_is_held():
    def soonest(fact: Any, held: set[str]) -> timedelta:
        return earliest(fact, at=START, before=Schedule(), first=True, held=held) - START

    assert soonest(haircut("0.5"), set()) == timedelta(0)
    assert soonest(haircut("0.5"), {"BTC"}) == NOTICE
    assert soonest(ADMITTED[0], {"BTC"}) == timedelta(0)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "assets.BTC.admitted"),
        ({"admitted": "yes"}, "assets.BTC.admitted"),
        ({"admitted": True, "haircut": "1.01"}, "assets.BTC.haircut"),
        ({"admitted": True, "haircut": "-0.1"}, "assets.BTC.haircut"),
        ({"admitted": True, "hair": "0.1"}, "assets.BTC"),
        ({"admitted": True, "locations": ["TWO WORDS"]}, "assets.BTC.locations"),
        ({"admitted": True, "concentration": {"share": "1"}}, "assets.BTC.concentration"),
        (
            {"admitted": True, "depeg": {"peg": "USD", "threshold": "0", "cut": "1"}},
            "assets.BTC.depeg.threshold",
        ),
        ({"admitted": True, "outflow": {"house_share": "2"}}, "assets.BTC.outflow.house_share"),
        ({"admitted": True, "outflow": "none"}, "assets.BTC.outflow"),
    ],
)
def test_a_document_is_refused_by_field(said, field):
    with pytest.raises(ScheduleNotValid) as refused:
        facts_of("BTC", said)

    assert refused.value.field == field


def test_a_number_is_a_string():
    with pytest.raises(NotANumber):
        facts_of("BTC", {"admitted": True, "haircut": 0.1})


def test_spelling_a_number_otherwise_changes_nothing():
    one, other = (facts_of("BTC", {"admitted": True, "haircut": it}) for it in ("0.1", "0.100"))

    assert one == other


def test_the_schedule_we_ship_can_be_read():
    document = json.loads(HOUSE.read_text())

    found = [fact for asset, it in document["assets"].items() for fact in facts_of(asset, it)]

    assert len(found) == 12


def test_an_asset_is_taken_out_with_a_reason():
    (fact,) = facts_of("BTC", {"admitted": False})

    assert fact.reason == schedule.REASON
