"""Statements from outside, breaks, halts and certificates; and the auditor that halts by itself."""

from __future__ import annotations

from functools import partial

import pytest

from clearing import models, selectors
from clearing.domain import reconciliation
from clearing.domain.amounts import AmountNotExact, AmountOutOfRange
from clearing.domain.points import PointInTheFuture
from clearing.domain.reconciliation import (
    CUSTODIAN,
    VENUE,
    DifferenceOutOfRange,
    OutsideStatementNotValid,
    SourceGap,
    SourceReused,
)
from clearing.services import (
    auditor,
    collateral,
    pricing,
    reconciliations,
    releases,
    timekeeping,
    trades,
    verification,
)
from clearing.services.reconciliations import BreakNotOpen, HolderUnnamed, Statement
from clearing.services.releases import CertificateRefused, NotHalted, ReleasesAreHalted
from clearing.store import KeyReused
from tests.builders import CAUSE, START, a_house, a_price_set, a_trade, after, run_due_jobs
from tests.tampering import as_owner
from tests.threads import at_once

BANK, VAULT = "CUSTODY-BANK", "CUSTODY-VAULT"


def a_statement(body: str, *, holder: str = BANK, kind: str = CUSTODIAN, at=None) -> Statement:
    text = "line,source_sequence,reference,account,asset,amount,price,buyer,seller\n" + body
    return Statement(
        holder=holder,
        kind=kind,
        at=at or timekeeping.now(),
        body=text,
        lines=reconciliation.read(text, kind=kind),
    )


def reconcile(body: str, **but) -> models.Reconciliation:
    key = but.pop("key", "")
    sequence = reconciliations.reconcile(
        a_statement(body, **but), key=key, at=timekeeping.now(), cause=CAUSE
    )
    return models.Reconciliation.objects.get(sequence=sequence)


def deposit(amount: str, *, key: str, holder: str = BANK, asset: str = "USDC", account="NORTH-1"):
    collateral.deposit(
        account,
        key=key,
        asset=asset,
        amount=amount,
        holder=f"custodian:{holder}" if holder else "",
        at=timekeeping.now(),
        cause=CAUSE,
    )


def withdraw(key: str = "w-1", *, asset: str = "USDC", amount: str = "1") -> int:
    return collateral.request_withdrawal(
        "NORTH-1", key=key, asset=asset, amount=amount, at=timekeeping.now(), cause=CAUSE
    )


def standing() -> list[tuple[str, int, str]]:
    return [(it.asset, it.difference, it.status) for it in selectors.standing_breaks()]


def halted() -> list[str]:
    return [row.asset for row in selectors.release_halts()]


def certify(asset: str = "USDC") -> int:
    return releases.certify(asset, reason="seen", at=timekeeping.now(), cause=CAUSE)


@pytest.fixture
def told(db):
    a_house()
    pricing.seal(a_price_set(at=START), cause=CAUSE)
    run_due_jobs()


# --- what each holder has ---------------------------------------------------------------------


def test_each_custodian_holds_what_it_confirmed(told):
    deposit("5", key="b-1")
    deposit("7", key="v-1", holder=VAULT)
    deposit("0.5", key="v-2", holder=VAULT, asset="BTC")

    now = timekeeping.now()
    assert selectors.custody_of(BANK, effective_at=now) == {("", "USDC"): 5_000_000}
    assert selectors.custody_of(VAULT, effective_at=now) == {
        **{("", "USDC"): 7_000_000},
        **{("", "BTC"): 50_000_000},
    }
    assert selectors.custody_of(reconciliation.UNNAMED, effective_at=now) == {
        ("", "USDC"): 3_000_000_000_000
    }


def test_what_leaves_leaves_where_the_account_last_paid_in(told):
    deposit("5", key="b-1")
    deposit("7", key="v-1", holder=VAULT)
    withdraw(amount="2")
    run_due_jobs()

    now = timekeeping.now()
    held = [selectors.custody_of(it, effective_at=now).get(("", "USDC")) for it in (BANK, VAULT)]
    total = selectors.holdings("ccp-custody")["cash:USDC"]
    assert held == [5_000_000, 5_000_000]
    assert total == -(3_000_000_000_000 + sum(held))


# --- runs -------------------------------------------------------------------------------------


def test_a_statement_that_agrees_is_a_run_without_a_break(told):
    deposit("5", key="b-1")

    run = reconcile("balance,,,,USDC,5,,,\ndeposit,1,b-1,NORTH-1,USDC,5,,,\n")

    assert (run.matched, run.breaks, run.missing, run.last_source) == (1, 0, 0, 1)
    assert standing() == halted() == []
    assert selectors.outside_document(run.document).startswith("line,")


def test_a_difference_is_a_break_and_halts_withdrawals_of_the_asset_alone(told):
    deposit("5", key="b-1")
    deposit("1", key="b-2", asset="BTC")

    run = reconcile("balance,,,,USDC,6,,,\nbalance,,,,BTC,1,,,\ndeposit,9,b-9,NORTH-1,USDC,1,,,\n")

    assert (run.matched, run.breaks, run.missing) == (1, 1, 1)
    assert standing() == [("USDC", 1_000_000, "open")]
    assert selectors.standing_breaks().get().missing == "b-9"
    with pytest.raises(ReleasesAreHalted):
        withdraw()
    assert withdraw(asset="BTC")


def test_what_a_holder_does_not_name_it_does_not_hold(told):
    deposit("5", key="b-1")

    reconcile("balance,,,,BTC,0,,,\n")

    assert standing() == [("USDC", -5_000_000, "open")]


def test_a_withdrawal_on_its_way_is_refused_when_it_would_settle(told):
    sequence = withdraw()
    reconcile("balance,,,,USDC,6,,,\n")

    run_due_jobs()

    fact = selectors.recorded(sequence).fact
    row = selectors.withdrawal(fact.withdrawal_id)
    assert row.status == "refused"
    assert row.reason.startswith("releases-halted")


def test_a_tolerance_lets_small_differences_stand(told):
    reconciliations.set_tolerance("USDC", amount="1", at=START, cause=CAUSE)
    deposit("5", key="b-1")

    reconcile("balance,,,,USDC,6,,,\n")

    assert standing() == [("USDC", 1_000_000, "open")]
    assert halted() == []
    assert reconciliations.set_tolerance("USDC", amount="1", at=START, cause=CAUSE) is None, (
        "it is so already"
    )


def test_a_later_run_that_agrees_resolves_and_only_a_certificate_resumes(told):
    reconcile("balance,,,,USDC,6,,,\n")
    with pytest.raises(CertificateRefused):
        certify()
    deposit("6", key="late")

    reconcile("balance,,,,USDC,6,,,\n")

    assert standing() == []
    with pytest.raises(ReleasesAreHalted):
        withdraw()
    certify()
    assert withdraw()
    with pytest.raises(NotHalted):
        certify()


def test_an_explained_break_no_longer_forbids_a_certificate(told):
    reconcile("balance,,,,USDC,6,,,\n")
    reconciliations.explain("break-1", reason="in transit", at=START, cause=CAUSE)

    certify()
    assert reconcile("balance,,,,USDC,6,,,\nbalance,,,,BTC,0,,,\n").breaks == 1

    assert standing() == [("USDC", 6_000_000, "explained")]
    with pytest.raises(BreakNotOpen):
        reconciliations.explain("break-1", reason="again", at=START, cause=CAUSE)


def test_another_difference_is_another_break(told):
    reconcile("balance,,,,USDC,6,,,\n")

    reconcile("balance,,,,USDC,7,,,\n")

    assert standing() == [("USDC", 7_000_000, "open")]
    assert [it.status for it in models.Break.objects.order_by("sequence")] == ["resolved", "open"]


def test_the_same_statement_told_twice_is_one_run(told):
    once = reconcile("balance,,,,USDC,6,,,\n", key="k")
    before = models.Event.objects.count()

    again = reconcile("balance,,,,USDC,6,,,\n", key="k")
    under_no_key = reconcile("balance,,,,USDC,6,,,\n")

    assert once == again == under_no_key
    assert models.Event.objects.count() == before
    with pytest.raises(KeyReused):
        reconcile("balance,,,,USDC,7,,,\n", key="k")


def test_a_statement_is_held_against_the_book_of_its_time(told):
    timekeeping.advance(after(hours=1), cause=CAUSE)
    deposit("5", key="b-1")

    early = reconcile("balance,,,,BTC,0,,,\n", at=START)  # nothing had come in by then
    late = reconcile("balance,,,,USDC,5,,,\n")

    assert (early.breaks, late.breaks) == (0, 0)
    with pytest.raises(PointInTheFuture):
        reconcile("balance,,,,BTC,0,,,\n", at=after(days=1))


def test_movements_missing_between_two_statements_are_asked_for(told):
    deposit("5", key="b-1")
    reconcile("balance,,,,USDC,5,,,\ndeposit,1,b-1,NORTH-1,USDC,5,,,\n")

    with pytest.raises(SourceGap):
        reconcile("balance,,,,USDC,5,,,\ndeposit,3,b-3,NORTH-1,USDC,5,,,\n")


@pytest.mark.parametrize(
    "other", ["deposit,1,b-1,NORTH-1,USDC,7,,,\n", "deposit,1,b-9,NORTH-1,USDC,5,,,\n"]
)
def test_a_movement_told_again_with_other_content_is_refused_and_changes_nothing(told, other):
    deposit("5", key="b-1")
    balance = "balance,,,,USDC,5,,,\n"
    reconcile(balance + "deposit,1,b-1,NORTH-1,USDC,5,,,\n")
    before = models.Event.objects.count()

    with pytest.raises(SourceReused) as found:
        reconcile(balance + other)
    with pytest.raises(SourceReused):
        reconciliations.recover(a_statement(balance + other), at=timekeeping.now(), cause=CAUSE)

    assert (found.value.field, found.value.place) == ("source_sequence", 1)
    assert models.Event.objects.count() == before
    again = reconcile("balance,,,,USDC,5.0,,,\ndeposit,01,b-1,NORTH-1,USDC,5.00,,,\n")
    assert again.breaks == 0
    both = "deposit,1,b-9,NORTH-1,USDC,9,,,\n", "balance,,,,BTC,0,,,\n"
    assert reconcile(both[1] + both[0], holder=VAULT).missing == 1, "every holder counts for itself"
    assert verification.verify() == []


@pytest.mark.parametrize(
    ("amount", "kind"),
    [("-9223372036854.775807", DifferenceOutOfRange), ("9223372036854.775808", AmountOutOfRange)],
)
def test_a_balance_no_break_can_hold_is_refused_with_its_line(told, amount, kind):
    deposit("250", key="b-1")
    before = models.Event.objects.count()

    with pytest.raises(kind) as found:
        reconcile(f"balance,,,,BTC,0,,,\nbalance,,,,USDC,{amount},,,\n")

    assert (found.value.field, found.value.place) == ("amount", 1)
    assert models.Event.objects.count() == before
    assert not models.OutsideDocument.objects.exists()


def test_a_hair_more_than_a_whole_number_of_lots_does_not_agree(told):
    trades.novate(a_trade(), at=timekeeping.now(), cause=CAUSE)
    hair = "1.000000000000000000000000000001"

    with pytest.raises(AmountNotExact) as found:
        reconcile(f"position,,,NORTH-1,BTC-PERP,{hair},,,\n", holder="XDER", kind=VENUE)

    assert (found.value.field, found.value.place) == ("amount", 0)


def test_a_venues_positions_are_matched_by_account_and_halt_what_they_settle_in(told):
    trades.novate(a_trade(), at=timekeeping.now(), cause=CAUSE)
    agreed = "position,,,NORTH-1,BTC-PERP,1,,,\n"

    run = reconcile(agreed + "position,,,SOUTH-1,BTC-PERP,-1,,,\n", holder="XDER", kind=VENUE)
    broken = reconcile(agreed, holder="XDER", kind=VENUE)

    assert (run.matched, run.breaks) == (2, 0)
    assert (broken.matched, broken.breaks) == (1, 1)
    [found] = selectors.standing_breaks()
    assert (found.account, found.unit, found.ours, found.theirs) == ("SOUTH-1", "lots", -1_000, 0)
    assert halted() == ["USDC"]


def test_of_an_instrument_a_venue_does_not_name_it_says_nothing(told):
    reconcile("position,,,NORTH-1,BTC-PERP,1,,,\n", holder="XDER", kind=VENUE)

    reconcile("position,,,NORTH-1,BTC-30JAN26,0,,,\n", holder="XDER", kind=VENUE)

    assert standing() == [("BTC-PERP", 1_000, "open")]


@pytest.mark.parametrize("row", ["balance,,,,DOGE,1,,,\n", "balance,,,,USDC,0.0000001,,,\n"])
def test_a_statement_the_house_cannot_read_changes_nothing(told, row):
    before = models.Event.objects.count()

    with pytest.raises((selectors.AssetUnknown, AmountNotExact)):
        reconcile(row)

    assert models.Event.objects.count() == before
    with pytest.raises(OutsideStatementNotValid):
        reconcile("")


# --- what the log lacks -----------------------------------------------------------------------


def test_missing_movements_are_recorded_under_their_own_keys_and_once(told):
    deposit("5", key="b-1")
    body = (
        "balance,,,,USDC,14,,,\ndeposit,1,b-1,NORTH-1,USDC,5,,,\n"
        "deposit,2,b-2,NORTH-1,USDC,10,,,\nwithdrawal,3,NORTH-1:w-7,NORTH-1,USDC,1,,,\n"
    )
    it = a_statement(body)

    first = reconciliations.recover(it, at=timekeeping.now(), cause=CAUSE)
    again = reconciliations.recover(it, at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()

    assert first.recorded == ("b-2", "NORTH-1:w-7")
    assert again.recorded == ()
    assert selectors.withdrawal("NORTH-1:w-7").status == "settled"
    assert reconcile(body).breaks == 0
    assert deposit("10", key="b-2") is None  # its holder tells it after all: the same fact
    assert reconcile(body).breaks == 0


def test_one_that_is_refused_is_named_and_the_others_go_on(told):
    it = a_statement("deposit,1,b-1,NOBODY-1,USDC,5,,,\ndeposit,2,b-2,NORTH-1,USDC,10,,,\n")

    found = reconciliations.recover(it, at=timekeeping.now(), cause=CAUSE)

    assert found.recorded == ("b-2",)
    assert found.refused["b-1"].startswith("account-not-open")
    with pytest.raises(HolderUnnamed):
        reconciliations.recover(
            a_statement("balance,,,,USDC,1,,,\n", holder="unnamed"), at=START, cause=CAUSE
        )


def test_a_payment_of_a_withdrawal_that_was_refused_is_for_people(told):
    collateral.request_withdrawal(
        "NORTH-1", key="w-1", asset="USDC", amount="5", at=START, cause=CAUSE
    )
    collateral.refuse_withdrawal(
        "NORTH-1", withdrawal_id="NORTH-1:w-1", code="no", reason="no", at=START, cause=CAUSE
    )

    found = reconciliations.recover(
        a_statement("withdrawal,1,NORTH-1:w-1,NORTH-1,USDC,5,,,\n"), at=START, cause=CAUSE
    )

    assert found.recorded == ()
    assert found.refused["NORTH-1:w-1"].startswith("withdrawal-taken")


def test_a_payment_that_was_only_asked_for_is_settled(told):
    collateral.request_withdrawal(
        "NORTH-1", key="w-1", asset="USDC", amount="5", at=START, cause=CAUSE
    )

    found = reconciliations.recover(
        a_statement("withdrawal,1,NORTH-1:w-1,NORTH-1,USDC,5,,,\n"), at=START, cause=CAUSE
    )
    run_due_jobs()

    assert found.recorded == ("NORTH-1:w-1",)
    assert selectors.withdrawal("NORTH-1:w-1").status == "settled"


def test_a_venues_missing_trade_is_recorded_as_it_would_have_been(told):
    body = "trade,8,t-1,,BTC-PERP,1,90000,NORTH-1,SOUTH-1\n"

    found = reconciliations.recover(
        a_statement(body, holder="XDER", kind=VENUE), at=timekeeping.now(), cause=CAUSE
    )

    before = models.Event.objects.count()
    trades.novate(a_trade(), at=timekeeping.now(), cause=CAUSE)
    assert found.recorded == ("t-1",)
    assert models.Event.objects.count() == before


# --- two at once ------------------------------------------------------------------------------


def test_two_runs_at_once_find_a_break_once(house):
    a_house()
    it = a_statement("balance,,,,USDC,6,,,\n")

    for done in at_once(
        [partial(reconciliations.reconcile, it, at=START, cause=CAUSE) for _ in range(4)]
    ):
        done.result()

    assert standing() == [("USDC", 6_000_000, "open")]
    assert models.Reconciliation.objects.count() == 1
    assert verification.verify() == []


def test_no_withdrawal_settles_once_a_halt_is_recorded(house):
    """Whoever comes first: every settlement stands before the halt in the log, or is refused."""
    a_house()
    asked = [selectors.recorded(withdraw(f"w-{number}")).fact for number in range(6)]

    def settle(fact) -> int | None:
        return collateral.settle_withdrawal(
            "NORTH-1", withdrawal_id=fact.withdrawal_id, at=START, cause=CAUSE
        )

    halt = partial(releases.halt, "USDC", reason="doubt", at=START, cause=CAUSE)
    *settled, halting = at_once([*(partial(settle, fact) for fact in asked), halt])

    kinds = {type(it.exception()) for it in settled}
    assert kinds <= {type(None), ReleasesAreHalted}
    done = [it.result() for it in settled if it.exception() is None]
    assert halting.exception() is None
    assert selectors.release_halts().count() == 1
    paid = models.Withdrawal.objects.filter(status="settled").count()
    assert paid == len(done)
    assert verification.verify() == []


# --- the auditor ------------------------------------------------------------------------------


def audit() -> int:
    return auditor.audit(at=timekeeping.now(), cause=CAUSE)


def test_a_house_in_order_is_not_written_about(told):
    before = models.Event.objects.count()

    assert audit() == 0
    assert models.Event.objects.count() == before


def test_a_changed_row_is_found_said_once_and_halts_withdrawals(told):
    with as_owner() as cursor:
        cursor.execute(
            "UPDATE clearing_entry SET amount = amount + 1 WHERE account = 'NORTH-1'"
            " AND asset = 'cash:USDC'"
        )

        found = audit()
        before = models.Event.objects.count()
        again = audit()

    said = {row.invariant.partition(" ")[0] for row in selectors.violations()}
    assert found == again == 3
    assert models.Event.objects.count() == before
    assert said == {"I1", "I2", "I4"}
    assert "USDC" in halted()
    with pytest.raises(ReleasesAreHalted):
        withdraw()


def test_when_it_holds_again_a_certificate_is_still_needed(told):
    models.Holding.objects.filter(account="NORTH-1").update(amount=1)
    audit()
    with pytest.raises(CertificateRefused):
        certify()
    models.Holding.objects.filter(account="NORTH-1").update(amount=10**12)

    assert audit() == 0

    assert not selectors.violations()
    assert halted() == ["USDC"]
    certify()
    assert withdraw()


def test_an_order_halts_and_needs_a_run_with_every_holder_since(told):
    body = "balance,,,,USDC,0,,,\n"
    before = reconcile(body)
    assert releases.halt("USDC", reason="restored", at=START, cause=CAUSE)
    assert releases.halt("USDC", reason="restored", at=START, cause=CAUSE) is None
    with pytest.raises(CertificateRefused):
        certify()

    assert reconcile(body) != before, "the same statement, held against the book anew"

    assert certify()
