"""The schedule in force, what it takes from margin, and what nobody can hurry."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from clearing import selectors as record
from clearing.domain.amounts import NotANumber
from clearing.domain.asset import AssetKind, AssetProfile
from clearing.domain.collateral import NO_GAP
from clearing.domain.schedule import NoticeTooShort, ScheduleLeavesOut, ScheduleNotValid
from clearing.services import (
    collateral,
    listing,
    pricing,
    reference,
    schedule,
    timekeeping,
    trades,
)
from clearing.services.collateral import LocationNotAdmitted
from margin import selectors as margin
from margin.services import runs
from tests.builders import CAUSE, a_house, a_price_set, a_trade, after, run_due_jobs

pytestmark = pytest.mark.django_db
NORTH = "NORTH-1"
HOUSE = Path(__file__).parents[2] / "clearing" / "schedules" / "house.json"


def document(**assets: dict[str, Any]) -> dict[str, Any]:
    found = {asset: {"admitted": True} | said for asset, said in assets.items()}
    return {"reporting": "USDC", "assets": found}


def set_(**assets: dict[str, Any]) -> list[int]:
    return schedule.set_schedule(document(**assets), at=timekeeping.now(), cause=CAUSE)


def terms(asset: str = "BTC") -> Any:
    return record.collateral_schedule(at=timekeeping.now()).of(asset)


def a_house_with_bitcoin(**rules: Any) -> None:
    """NORTH-1 has 1 BTC and 10,000 USDC, and the schedule came before both."""
    a_house(NORTH="0")
    set_(BTC=rules)
    for asset, amount in (("BTC", "1"), ("USDC", "10000")):
        collateral.deposit(
            NORTH, key=f"in-{asset}", asset=asset, amount=amount, at=after(), cause=CAUSE
        )
    pricing.seal(a_price_set("90000"), cause=CAUSE)
    run_due_jobs()


def levels() -> tuple[int, int, int]:
    row = margin.latest_requirement(NORTH)
    return row.equity, row.maintenance, row.initial


# --- setting it ---------------------------------------------------------------------------------


def test_a_first_schedule_is_in_force_at_once_and_again_changes_nothing():
    a_house()

    first = set_(BTC={"haircut": "0.1"})

    assert len(first) == 3  # opened, admitted, haircut
    assert (terms().admitted, str(terms().haircut)) == (True, "0.1")
    assert set_(BTC={"haircut": "0.10"}) == []


def test_a_first_schedule_speaks_of_everything_that_is_held():
    a_house()
    collateral.deposit(NORTH, key="d", asset="BTC", amount="1", at=after(), cause=CAUSE)

    with pytest.raises(ScheduleLeavesOut):
        set_(ETH={})


def test_a_first_schedule_cuts_nothing_that_is_held_at_once():
    a_house()
    collateral.deposit(NORTH, key="d", asset="BTC", amount="1", at=after(), cause=CAUSE)

    set_(BTC={"haircut": "0.5"})

    assert (terms().admitted, terms().haircut) == (True, 0)
    timekeeping.advance(after(days=1), cause=CAUSE)
    assert str(terms().haircut) == "0.5"


def test_a_doubled_haircut_is_announced_and_comes_a_day_later():
    a_house_with_bitcoin(haircut="0.2")
    before = levels()

    set_(BTC={"haircut": "0.4"})
    run_due_jobs()
    runs.remargin(NORTH, cause=CAUSE)

    assert (str(terms().haircut), levels()) == ("0.2", before)
    with pytest.raises(NoticeTooShort):
        set_(BTC={"haircut": "0.5", "effective_from": "2026-01-01T06:00:00Z"})
    timekeeping.advance(after(days=1, hours=1), cause=CAUSE)
    assert str(terms().haircut) == "0.4"
    assert str(record.collateral_schedule(at=after(hours=3)).of("BTC").haircut) == "0.2"


def a_house_with_a_token(**gaps: Any) -> None:
    """NORTH-1 has 10 of a token that does three times what ETH does, at 1,000 each."""
    a_house(NORTH="0")
    profile = AssetProfile(
        asset="ETH3L",
        kind=AssetKind.LEVERAGED_TOKEN,
        underlying="ETH",
        leverage=Decimal(3),
        source="its rules",
    )
    reference.admit_asset("ETH3L", title="3x ETH", scale=6, at=after(), cause=CAUSE)
    listing.describe_asset(profile, at=after(), cause=CAUSE)
    said = document(USDC={}, ETH3L={"haircut": "0.1"}) | {"gaps": gaps}
    schedule.set_schedule(said, at=after(), cause=CAUSE)
    collateral.deposit(NORTH, key="in", asset="ETH3L", amount="10", at=after(), cause=CAUSE)
    indices = {"BTC": "90000", "ETH": "3000", "ETH3L": "1000"}
    pricing.seal(replace(a_price_set("90000"), indices=indices), cause=CAUSE)
    run_due_jobs()


def the_token() -> Any:
    found = record.account_collateral(NORTH, at=timekeeping.now()).assets
    return next(it.valued for it in found if it.asset == "ETH3L")


def test_a_leveraged_token_is_cut_by_its_haircut_and_by_the_gap_of_what_it_follows():
    a_house_with_a_token(ETH={"move": "0.2", "source": "the worst day of 2022"})

    cuts = the_token().cuts

    assert (cuts["haircut"], cuts["gap"]) == (1_000_000_000, 6_000_000_000)
    assert the_token().eligible == 3_000_000_000
    (line,) = margin.collateral_cuts(margin.latest_requirement(NORTH))
    assert (line["asset"], line["gap"], line["eligible"]) == ("ETH3L", 6 * 10**9, 3 * 10**9)


def test_a_token_without_a_gap_counts_for_nothing_until_one_is_set_and_has_had_its_notice():
    a_house_with_a_token()
    assert (the_token().eligible, the_token().why) == (0, NO_GAP)

    gaps = {"ETH": {"move": "0.1", "source": "the worst day of 2022"}}
    told = schedule.set_schedule({"assets": {}, "gaps": gaps}, at=timekeeping.now(), cause=CAUSE)

    assert len(told) == 1
    assert schedule.set_schedule({"assets": {}, "gaps": gaps}, at=after(), cause=CAUSE) == []
    assert the_token().eligible == 0
    timekeeping.advance(after(days=1, hours=1), cause=CAUSE)
    assert (the_token().eligible, the_token().why) == (6_000_000_000, "")


@pytest.mark.parametrize(
    "said",
    [
        {"move": "0.2"},
        {"move": "0.2", "source": " "},
        {"move": "1.2", "source": "x"},
        {"source": "x"},
    ],
)
def test_a_gap_is_a_share_and_names_its_source(said):
    a_house()

    with pytest.raises((ScheduleNotValid, NotANumber)) as refused:
        schedule.set_schedule(document(BTC={}) | {"gaps": {"ETH": said}}, at=after(), cause=CAUSE)

    assert refused.value.field.startswith("gaps.ETH.")


def test_a_worthless_token_cannot_be_listed_and_borrowed_on_in_one_go():
    """What is announced today counts tomorrow, by a price that comes from outside."""
    a_house_with_bitcoin()

    set_(BTC={}, ETH={"haircut": "0"})
    collateral.deposit(NORTH, key="e", asset="ETH", amount="9000000", at=after(), cause=CAUSE)
    found = {it.asset: it for it in record.account_collateral(NORTH, at=after()).assets}

    assert not terms("ETH").admitted
    assert found["ETH"].valued.eligible == 0


def test_an_outflow_limit_is_lowered_at_once_and_raised_a_day_later():
    a_house_with_bitcoin(outflow={"house_amount": "10"})

    set_(BTC={"outflow": {"house_amount": "50"}})
    assert str(terms().outflow_house_amount) == "10"
    set_(BTC={"outflow": {"house_amount": "5"}})
    assert str(terms().outflow_house_amount) == "5"

    timekeeping.advance(after(days=2), cause=CAUSE)
    assert str(terms().outflow_house_amount) == "5", "the raise was taken back with it"


def test_the_reporting_asset_does_not_change():
    a_house_with_bitcoin()

    with pytest.raises(ScheduleNotValid):
        schedule.set_schedule({"reporting": "BTC", "assets": {}}, at=after(), cause=CAUSE)


def test_from_a_custodian_that_is_not_named_nothing_is_taken():
    a_house()
    set_(BTC={"locations": ["VAULT"]})

    def deposit(holder: str) -> int:
        return collateral.deposit(
            NORTH,
            key="d",
            asset="BTC",
            amount="1",
            holder=f"custodian:{holder}",
            at=after(),
            cause=CAUSE,
        )

    with pytest.raises(LocationNotAdmitted):
        deposit("CELLAR")
    deposit("VAULT")
    (lot,) = record.lots_of(NORTH)["BTC"]
    assert (lot.custodian, lot.units) == ("VAULT", 100_000_000)


def test_the_schedule_we_ship_is_set_from_a_terminal_and_again_says_so():
    a_house()
    first, again = StringIO(), StringIO()

    call_command("set_collateral_schedule", str(HOUSE), stdout=first)
    call_command("set_collateral_schedule", str(HOUSE), stdout=again)

    assert "BTC haircut-set" in first.getvalue()
    assert "nothing differs" in again.getvalue()


def test_a_bad_file_ends_with_its_field(tmp_path):
    a_house()
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(document(BTC={"haircut": "1.5"})))

    with pytest.raises(CommandError, match=r"schedule-not-valid assets\.BTC\.haircut"):
        call_command("set_collateral_schedule", str(path))


# --- what it takes from margin ------------------------------------------------------------------


def test_without_a_rule_that_cuts_more_than_the_method_margin_is_what_it_was():
    a_house_with_bitcoin(haircut="0.02")
    with_schedule = levels()

    assert with_schedule[0] == 100_000_000_000
    assert margin.collateral_cuts(margin.latest_requirement(NORTH))[0]["maintenance"] == 0


def something_at_risk() -> None:
    """Collateral is required of whoever has a position, however small."""
    trades.novate(a_trade(quantity="0.001"), at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()


def test_each_haircut_counts_once():
    """The method takes 2 % of 90,000 at maintenance and 3 % at initial; the schedule's 10 % is the
    larger, so the balances lose 10 %, not 12 or 13. Equity is before any of it."""
    a_house_with_bitcoin()
    something_at_risk()
    plain = levels()
    set_(BTC={"haircut": "0.1"})
    timekeeping.advance(after(hours=2), cause=CAUSE)
    assert levels() == plain

    timekeeping.advance(after(days=1, hours=1), cause=CAUSE)
    pricing.seal(a_price_set("90000", at=after(days=1, hours=1)), cause=CAUSE)
    run_due_jobs()

    equity, maintenance, initial = levels()
    assert equity == plain[0]
    assert maintenance - plain[1] == 90_000_000_000 * 8 // 100
    assert initial - plain[2] == 90_000_000_000 * 7 // 100


def test_what_is_above_the_limit_is_required_on_top():
    """30,000 of 90,000 count: 60,000 less the method's 1,800 are required on top."""
    a_house_with_bitcoin(concentration={"account_limit": "30000"})
    something_at_risk()

    (line,) = margin.collateral_cuts(margin.latest_requirement(NORTH))

    assert (line["market"], line["eligible"]) == (90_000_000_000, 30_000_000_000)
    assert line["concentration"] == 60_000_000_000
    assert (line["maintenance"], line["initial"]) == (58_200_000_000, 57_300_000_000)
    assert levels()[0] == 100_000_000_000


def test_a_run_over_everybody_and_one_over_one_account_say_the_same():
    a_house_with_bitcoin(concentration={"member_share": "0.3", "member_limit": "40000"})
    whole = margin.latest_requirement(NORTH)

    alone = runs.run_of_one(
        "alone",
        record.live_book([NORTH]),
        sealed=record.latest_prices(),
        rules=margin.rules(),
        cause=CAUSE,
    )

    assert whole.run_id.startswith("prices-")
    assert alone.result_hash == whole.result_hash


def test_a_depeg_on_our_own_venue_alone_changes_nothing_and_one_outside_is_cut_by_steps():
    """The venue's own print in the spot market falls to 0.65 while the index stands."""
    rule = {"peg": "USDC", "threshold": "0.02", "cut": "0.1"}
    a_house(NORTH="0")
    set_(ETH={"depeg": rule})
    collateral.deposit(NORTH, key="e", asset="ETH", amount="1000", at=after(), cause=CAUSE)

    def counted(index: str, hour: int) -> str:
        found = a_price_set("90000", at=after(hours=hour))
        quotes = {**found.quotes, "BTC-USDC": type(found.quotes["BTC-USDC"])("58500")}
        indices = {**found.indices, "ETH": index}
        pricing.seal(
            type(found)(
                at=found.at,
                source=found.source,
                simulated=True,
                indices=indices,
                forwards=found.forwards,
                quotes=quotes,
            ),
            cause=CAUSE,
        )
        run_due_jobs()
        (it,) = record.account_collateral(NORTH, at=timekeeping.now()).assets
        return record.shown("USDC", it.valued.eligible)

    assert counted("1", 1) == "1000.000000"
    assert counted("0.99", 2) == "990.000000"
    assert counted("0.96", 3) == "768.000000"  # two steps of a tenth


def test_a_wrong_way_bet_is_cut_and_its_hedge_is_not():
    rule = {"underlying": "BTC", "cut": "0.5"}
    a_house_with_bitcoin(wrong_way=rule)

    def cut(trade_id: str, **sides: str) -> int:
        from clearing.services import trades

        trades.novate(
            a_trade(trade_id=trade_id, quantity="0.2", **sides), at=timekeeping.now(), cause=CAUSE
        )
        found = record.account_collateral(NORTH, at=timekeeping.now()).assets
        return next(it.valued.cuts["wrong_way"] for it in found if it.asset == "BTC")

    assert cut("short", buyer="SOUTH-1", seller=NORTH) == 0
    assert cut("flat", buyer=NORTH, seller="SOUTH-1") == 0
    assert cut("long", buyer=NORTH, seller="SOUTH-1") == 9_000_000_000  # half of 0.2 at 90,000
