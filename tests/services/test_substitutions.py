"""Replacing collateral: promised at once, released when the other is there and counts for as much."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from clearing import selectors as record
from clearing.domain.account import BalanceTooSmall
from clearing.domain.substitution import DeadlineNotValid, SubstitutionNotOpen, SubstitutionNotValid
from clearing.services import (
    collateral,
    pricing,
    replays,
    schedule,
    substitutions,
    timekeeping,
    trades,
    verification,
)
from clearing.store import KeyReused
from margin.services import substitutions as releases
from tests.builders import CAUSE, a_house, a_price_set, a_trade, after, run_due_jobs

pytestmark = pytest.mark.django_db
NORTH = "NORTH-1"
SWAP = f"{NORTH}:s-1"


def a_house_with_bitcoin(**but: dict[str, Any]) -> None:
    """NORTH-1 has 2 BTC, of which 20 % do not count, in two lots, and 1,000 USDC."""
    a_house(NORTH="1000")
    said = {"BTC": {"haircut": "0.2"}, "USDC": {}} | but
    assets = {asset: {"admitted": True} | each for asset, each in said.items()}
    schedule.set_schedule({"reporting": "USDC", "assets": assets}, at=after(), cause=CAUSE)
    for key, amount in (("b-1", "0.5"), ("b-2", "1.5")):
        collateral.deposit(NORTH, key=key, asset="BTC", amount=amount, at=after(), cause=CAUSE)
    pricing.seal(a_price_set("90000"), cause=CAUSE)
    run_due_jobs()


def propose(
    amount: str = "1",
    incoming_amount: str = "72000",
    *,
    key: str = "s-1",
    expires_at: datetime | None = None,
) -> int:
    return substitutions.propose(
        NORTH,
        key=key,
        asset="BTC",
        amount=amount,
        incoming="USDC",
        incoming_amount=incoming_amount,
        expires_at=expires_at or after(hours=6),
        at=timekeeping.now(),
        cause=CAUSE,
    )


def cover(name: str = SWAP, *, key: str = "wire-1") -> int:
    return substitutions.cover(
        NORTH,
        substitution_id=name,
        key=key,
        custodian="CUSTODY-BANK",
        at=timekeeping.now(),
        cause=CAUSE,
    )


def state(name: str = SWAP) -> tuple[str, str]:
    row = record.substitution_of(NORTH, name)
    return row.state, row.reason.partition(":")[0]


def balances() -> tuple[int, int]:
    held = record.account(NORTH)
    return held.cash("BTC"), held.cash("USDC")


def lots(asset: str = "BTC") -> list[tuple[int, str]]:
    return [(it.units, it.encumbered_by) for it in record.lots_of(NORTH).get(asset, [])]


def test_what_is_promised_still_counts_and_cannot_be_promised_twice():
    a_house_with_bitcoin()

    propose()

    assert balances() == (200_000_000, 1_000_000_000)
    assert lots() == [
        (50_000_000, f"substitution:{SWAP}"),
        (100_000_000, ""),
        (50_000_000, f"substitution:{SWAP}"),
    ]
    with pytest.raises(BalanceTooSmall):
        propose("1.00000001", key="s-2")
    with pytest.raises(BalanceTooSmall):
        collateral.request_withdrawal(
            NORTH, key="w", asset="BTC", amount="1.5", at=after(hours=1), cause=CAUSE
        )


def test_it_settles_when_the_other_has_arrived_and_counts_for_as_much():
    a_house_with_bitcoin()
    propose()

    cover()
    run_due_jobs()

    assert state() == ("settled", "")
    assert balances() == (100_000_000, 73_000_000_000)
    assert lots() == [(100_000_000, "")]
    assert lots("USDC") == [(1_000_000_000, ""), (72_000_000_000, "")]
    (fact,) = [
        it.fact
        for it in record.latest_facts([f"account-{NORTH}"], limit=20)
        if it.fact.NAME == "clearing.substitution-settled.v1"
    ]
    assert (fact.eligible_before, fact.eligible_after) == (145_000_000_000, 145_000_000_000)
    assert verification.verify() == []


def test_what_counts_for_less_is_refused_and_stays_as_the_deposit_it_is():
    a_house_with_bitcoin()
    propose(incoming_amount="71999.999999")

    cover()
    run_due_jobs()

    assert state() == ("refused", "counts-for-less")
    assert "0.000001 USDC less" in record.substitution_of(NORTH, SWAP).reason
    assert balances() == (200_000_000, 72_999_999_999)
    assert all(not by for _, by in lots())


def test_margin_has_the_last_word():
    """Both count alike by the schedule; but the bitcoin hedges what the account is short of, and
    dollars do not."""
    a_house_with_bitcoin(BTC={})
    trades.novate(
        a_trade(quantity="10.4", buyer="SOUTH-1", seller=NORTH), at=after(hours=1), cause=CAUSE
    )
    run_due_jobs()
    propose("2", "180000")

    cover()
    run_due_jobs()

    assert state() == ("refused", "margin-short")


def test_proposing_and_covering_twice_is_once():
    a_house_with_bitcoin()

    assert propose() == propose()
    with pytest.raises(KeyReused):
        propose("0.9")
    assert cover() == cover()
    run_due_jobs()

    assert balances() == (100_000_000, 73_000_000_000)
    sequence = record.substitution_of(NORTH, SWAP).sequence
    assert releases.release(sequence, cause=CAUSE) is None
    assert cover() is not None
    with pytest.raises(SubstitutionNotOpen):
        cover(key="wire-2")


def test_past_its_deadline_it_is_over_and_what_was_promised_is_free():
    a_house_with_bitcoin()
    propose(expires_at=after(hours=3))

    timekeeping.advance(after(hours=3), cause=CAUSE)
    run_due_jobs()

    assert state() == ("expired", "")
    assert all(not by for _, by in lots())
    with pytest.raises(SubstitutionNotOpen):
        cover()
    assert releases.sweep(cause=CAUSE) == 0


def test_it_can_be_taken_back_until_it_is_decided():
    a_house_with_bitcoin()
    propose()

    def cancel() -> int | None:
        return substitutions.cancel(NORTH, substitution_id=SWAP, at=after(hours=1), cause=CAUSE)

    assert cancel() is not None
    assert cancel() is None
    assert (state(), [by for _, by in lots()]) == (("cancelled", ""), ["", "", ""])
    propose(key="s-2")
    cover(f"{NORTH}:s-2")
    run_due_jobs()
    with pytest.raises(SubstitutionNotOpen):
        substitutions.cancel(NORTH, substitution_id=f"{NORTH}:s-2", at=after(hours=1), cause=CAUSE)


def test_it_leaves_within_the_hours_limit_like_any_outflow():
    a_house_with_bitcoin(BTC={"outflow": {"house_amount": "1"}})
    collateral.request_withdrawal(
        NORTH, key="w", asset="BTC", amount="0.4", at=timekeeping.now(), cause=CAUSE
    )
    run_due_jobs()
    propose(incoming_amount="90000")

    cover()
    run_due_jobs()
    assert state()[0] == "waiting"
    assert balances()[0] == 160_000_000

    timekeeping.advance(after(hours=2), cause=CAUSE)
    run_due_jobs()
    assert state()[0] == "settled"


def test_what_waits_past_its_deadline_is_over():
    a_house_with_bitcoin(BTC={"outflow": {"house_amount": "1"}})
    collateral.request_withdrawal(
        NORTH, key="w", asset="BTC", amount="0.4", at=timekeeping.now(), cause=CAUSE
    )
    run_due_jobs()
    propose(incoming_amount="90000", expires_at=after(hours=1, minutes=30))
    cover()
    run_due_jobs()

    timekeeping.advance(after(hours=1, minutes=30), cause=CAUSE)
    run_due_jobs()

    assert state()[0] == "expired"
    assert balances() == (160_000_000, 91_000_000_000)


@pytest.mark.parametrize(
    ("but", "refusal"),
    [
        ({"expires_at": after(hours=1)}, DeadlineNotValid),
        ({"expires_at": after(days=9)}, DeadlineNotValid),
        ({"amount": "2.1"}, BalanceTooSmall),
    ],
)
def test_a_proposal_that_makes_no_sense_is_refused(but, refusal):
    a_house_with_bitcoin()

    with pytest.raises(refusal):
        propose(**but)


def test_an_asset_does_not_replace_itself():
    a_house_with_bitcoin()

    with pytest.raises(SubstitutionNotValid):
        substitutions.propose(
            NORTH,
            key="s",
            asset="BTC",
            amount="1",
            incoming="BTC",
            incoming_amount="1",
            expires_at=after(hours=5),
            at=after(hours=1),
            cause=CAUSE,
        )


def test_rows_are_what_the_log_says_after_all_of_it():
    a_house_with_bitcoin()
    propose("0.7", "60000")
    collateral.request_withdrawal(
        NORTH, key="w", asset="BTC", amount="0.4", at=timekeeping.now(), cause=CAUSE
    )
    run_due_jobs()
    cover()
    run_due_jobs()
    propose("0.3", "1", key="s-2")

    assert set(replays.rebuild().values()) == {0}
    assert verification.verify() == []
