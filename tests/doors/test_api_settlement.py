"""Settlement at the door: own lines and no others, sums that add up, instructions under a key."""

from __future__ import annotations

import gzip
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from clearing import models, selectors
from clearing.services import cycles, pricing, schedules, timekeeping, trades
from tests.builders import CALL, CAUSE, PERPETUAL, START, a_house, a_price_set, a_trade, after
from tests.doors.callers import north, officer, problem, south, venue

pytestmark = pytest.mark.django_db
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "crypto"


@pytest.fixture
def settled():
    a_house()
    schedules.set_fee("perpetual", rate="0.0001", at=START, cause=CAUSE)
    trades.novate(a_trade(), at=timekeeping.now(), cause=CAUSE)
    trades.novate(
        a_trade(trade_id="t-2", symbol=CALL, price="0.0123"), at=timekeeping.now(), cause=CAUSE
    )
    pricing.seal(a_price_set("91000"), cause=CAUSE)
    return cycles.settle_now(cause=CAUSE)


def test_a_member_sees_what_it_owes_and_is_owed(settled):
    items = {it["asset"]: it for it in north().get("/obligations").json()["items"]}

    money, coin = items["USDC"], items["BTC"]
    assert (money["variation_margin"], money["fees"]) == ("1000.000000", "-9.000000")
    assert money["net"] == "991.000000"
    assert (coin["premium"], coin["net"]) == ("-0.01230000", "0.00000000")
    assert {it["member_id"] for it in items.values()} == {"NORTH"}


def test_an_officer_sees_everybodys_and_they_cancel_but_for_fees(settled):
    items = officer().get("/obligations").json()["items"]

    assert sum(Decimal(it["variation_margin"]) for it in items) == 0
    assert {it["member_id"] for it in items} == {"NORTH", "SOUTH"}


def test_instructions_are_ones_own(settled):
    address = f"/settlement-cycles/{settled.cycle_id}/instructions"

    mine = north().get(address).json()["items"]

    assert {it["kind"] for it in mine} == {"vm", "premium", "fee"}
    assert {it["account_id"] for it in mine} == {"NORTH-1"}
    assert {it["account_id"] for it in south().get(address).json()["items"]} == {"SOUTH-1"}
    assert venue().get(address).json()["items"] == []


def test_cycles_come_a_page_at_a_time_newest_first(settled):
    cycles.settle_now(cause=CAUSE)
    caller = north()

    first = caller.get("/settlement-cycles", limit=1).json()
    second = caller.get("/settlement-cycles", limit=1, cursor=first["next_cursor"]).json()

    assert [it["cycle_id"] for it in first["items"] + second["items"]] == ["ad-hoc-2", "ad-hoc-1"]
    assert second["has_more"] is False
    assert first["items"][0]["state"] == "closed"
    assert len(first["items"][0]["content_hash"]) == 64
    assert problem(caller.get("/settlement-cycles/none"))[:2] == (404, "not-found")


def test_obligations_are_cut_between_cycles(settled):
    trades.novate(a_trade(trade_id="t-3"), at=timekeeping.now(), cause=CAUSE)
    cycles.settle_now(cause=CAUSE)

    first = north().get("/obligations", limit=1).json()

    assert {it["cycle_id"] for it in first["items"]} == {"ad-hoc-2"}
    assert first["has_more"] is True


def test_a_holder_abandons_lots_under_a_key(settled):
    body = {"symbol": CALL, "abandon_lots": 3}
    caller = north()

    first = caller.post("/accounts/NORTH-1/exercise-instructions", body, key="k")
    second = caller.post("/accounts/NORTH-1/exercise-instructions", body, key="k")
    more = caller.post(
        "/accounts/NORTH-1/exercise-instructions", body | {"abandon_lots": 11}, key="k-2"
    )

    assert (first.status_code, first.json()) == (201, second.json())
    assert problem(more)[:2] == (422, "instruction-not-valid")
    assert selectors.exercise_instructions(CALL) == {"NORTH-1": 3}


# --- commands ---------------------------------------------------------------------------------


def told(*command):
    out = StringIO()
    call_command(*command, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_a_command_settles_the_book_and_says_what_was_paid(settled):
    trades.novate(a_trade(trade_id="t-4", price="90500"), at=timekeeping.now(), cause=CAUSE)

    said = told("settle_cycle")

    assert "ad-hoc-2 is closed" in said
    assert "USDC: paid 518.100000, received 500.000000, rounding 0.000000" in said


def test_a_command_says_that_a_cycle_is_held(settled):
    models.Cycle.objects.filter(cycle_id="ad-hoc-1").update(state="held")
    models.CycleLine.objects.filter(account="SOUTH-1", kind="vm").update(value=0)

    with pytest.raises(CommandError, match="ad-hoc-1 is held: I3"):
        call_command("settle_cycle", stdout=StringIO(), stderr=StringIO())


def test_schedules_and_fees_are_set_by_command(settled):
    assert (
        told("settlement_schedule", "--times", "08:00", "--every", "60") == "the schedule is set\n"
    )
    assert "already" in told("settlement_schedule", "--times", "08:00", "--every", "60")
    assert told("set_fee", "option", "--per-lot", "0.0001") == "the fee is set\n"
    with pytest.raises(CommandError, match="settlement-schedule-not-valid"):
        told("settlement_schedule", "--every", "7")
    with pytest.raises(CommandError, match="fee-not-valid"):
        told("set_fee", "option", "--rate", "0.2")


def test_a_file_of_rates_is_loaded_once(settled, tmp_path):
    timekeeping.advance(after(hours=20), cause=CAUSE)
    path = tmp_path / "rates.csv.gz"
    rows = [
        ("2025-12-31T16:00:00Z", "BTC-USDT", "0.0001"),  # before the first prices
        ("2026-01-01T08:00:00Z", "BTC-USDT", "0.0001"),
        ("2026-01-01T08:00:00Z", "ETH-USDT", "0.0009"),
        ("2026-01-01T16:00:00Z", "BTC-USDT", "-0.0002"),
        ("2026-01-02T00:00:00Z", "BTC-USDT", "0.0001"),  # not yet
    ]
    with gzip.open(path, "wt") as out:
        out.write("funding_time_utc,venue,contract,funding_rate_8h\n")
        out.writelines(f"{at},binance,{name},{rate}\n" for at, name, rate in rows)
    command = ("load_funding", str(path), "--symbol", PERPETUAL, "--contract", "BTC-USDT")

    assert "2 fixed, 0 known, 1 to come, 1 without a price" in told(*command)
    assert "0 fixed, 2 known" in told(*command)


def test_a_venues_history_is_read_as_it_is():
    path = DATA / "funding_8h_binance_btc_eth_2020-01-01_2023-12-31.csv.gz"
    if not path.exists():
        pytest.skip(f"no {path.name} beside the checkout")
    from config.feeds import funding

    rows = list(funding.read(path, contract="BTC-USDT"))

    assert len(rows) == 4_383
    assert (rows[0].rate, rows[0].venue) == ("-0.00012359", "binance")


def test_a_file_that_is_no_history_is_refused(settled, tmp_path):
    path = tmp_path / "rates.csv"
    path.write_text("a,b\n1,2\n")

    with pytest.raises(CommandError, match="file-not-valid"):
        told("load_funding", str(path), "--symbol", PERPETUAL, "--contract", "BTC-USDT")
