"""Several at once, on connections of their own: no unit is promised twice, no limit slipped under."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from clearing import selectors as record
from clearing.domain.account import BalanceTooSmall
from clearing.domain.substitution import SubstitutionNotOpen
from clearing.services import (
    collateral,
    pricing,
    schedule,
    substitutions,
    timekeeping,
    verification,
)
from margin.services import withdrawals
from tests.builders import CAUSE, a_house, a_price_set, a_third_member, after, run_due_jobs
from tests.threads import at_once

NORTH = "NORTH-1"


def a_priced_house(**rules: dict[str, Any]) -> None:
    a_house(NORTH="1000")
    said = {"USDC": {}, "BTC": {}} | rules
    assets = {asset: {"admitted": True} | each for asset, each in said.items()}
    schedule.set_schedule({"reporting": "USDC", "assets": assets}, at=after(), cause=CAUSE)
    pricing.seal(a_price_set("90000"), cause=CAUSE)
    run_due_jobs()


def ask(key: str, amount: str, account: str = NORTH) -> int:
    return collateral.request_withdrawal(
        account, key=key, asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
    )


def propose(key: str, amount: str) -> int:
    return substitutions.propose(
        NORTH,
        key=key,
        asset="USDC",
        amount=amount,
        incoming="BTC",
        incoming_amount="1",
        expires_at=after(hours=9),
        at=timekeeping.now(),
        cause=CAUSE,
    )


def outcomes(futures: list[Future[Any]], *, refused: type[Exception]) -> tuple[int, int]:
    """(how many went through, how many were refused); anything else is an error."""
    errors = [it.exception() for it in futures]
    assert all(it is None or isinstance(it, refused) for it in errors), errors
    return errors.count(None), len(errors) - errors.count(None)


def promised() -> tuple[int, int]:
    """Units of NORTH's lots that are promised, and that are free."""
    found = record.lots_of(NORTH)["USDC"]
    return (
        sum(it.units for it in found if it.encumbered_by),
        sum(it.units for it in found if not it.encumbered_by),
    )


def test_two_withdrawals_of_one_lot_do_not_both_have_it(house):
    a_priced_house()

    futures = at_once([lambda key=key: ask(key, "600") for key in ("w-1", "w-2", "w-3")])

    assert outcomes(futures, refused=BalanceTooSmall) == (1, 2)
    assert promised() == (600_000_000, 400_000_000)
    assert verification.verify() == []


def test_a_withdrawal_and_a_substitution_do_not_both_have_it(house):
    a_priced_house()
    jobs: list[Callable[[], int]] = [lambda: ask("w-1", "600"), lambda: propose("s-1", "600")]

    futures = at_once(jobs)

    assert outcomes(futures, refused=BalanceTooSmall) == (1, 1)
    assert promised() == (600_000_000, 400_000_000)
    run_due_jobs()
    assert verification.verify() == []


def test_of_many_at_once_no_more_leaves_than_the_hour_allows(house):
    """Each alone fits; released at one moment, by different members."""
    a_priced_house(USDC={"outflow": {"house_amount": "1000"}})
    accounts = [NORTH, "SOUTH-1", *(a_third_member(f"M{at}-1") for at in range(5))]
    run_due_jobs()
    asked = [ask(f"w-{account}", "300", account) for account in accounts]
    for sequence in asked:
        withdrawals.test(sequence, cause=CAUSE)

    futures = at_once(
        [lambda sequence=sequence: withdrawals.release(sequence, cause=CAUSE) for sequence in asked]
    )

    assert [it.exception() for it in futures] == [None] * len(asked)
    states = sorted(record.withdrawals(account)[0].status for account in accounts)
    assert states == ["settled"] * 3 + ["waiting"] * 4
    run_due_jobs()
    for hours in (2, 3):
        timekeeping.advance(after(hours=hours), cause=CAUSE)
        run_due_jobs()
    left = [record.withdrawals(account)[0].left_at for account in accounts]
    assert sorted(left) == [after(hours=1)] * 3 + [after(hours=2)] * 3 + [after(hours=3)]


def test_what_comes_in_is_credited_once_however_often_it_is_confirmed(house):
    a_priced_house()
    propose("s-1", "600")

    def cover(key: str) -> int:
        return substitutions.cover(
            NORTH,
            substitution_id=f"{NORTH}:s-1",
            key=key,
            custodian="BANK",
            at=timekeeping.now(),
            cause=CAUSE,
        )

    futures = at_once([lambda key=key: cover(key) for key in ("a", "a", "b", "c")])

    through, refused = outcomes(futures, refused=SubstitutionNotOpen)
    assert through + refused == 4
    assert through in (1, 2), "the same key twice is one answer"
    run_due_jobs()
    assert record.account(NORTH).cash("BTC") == 100_000_000
    assert record.substitution_of(NORTH, f"{NORTH}:s-1").state == "settled"


def test_a_release_and_a_request_of_the_same_account_do_not_deadlock(house):
    a_priced_house()
    first = ask("w-1", "300")
    withdrawals.test(first, cause=CAUSE)

    futures = at_once(
        [
            lambda: run_until_done(first),
            lambda: ask("w-2", "300"),
            lambda: propose("s-1", "300"),
        ]
    )

    assert [it.exception() for it in futures] == [None] * 3
    run_due_jobs()
    assert record.withdrawals(NORTH).filter(status="settled").count() == 2
    assert verification.verify() == []


def run_until_done(sequence: int) -> None:
    """As a worker does: a step that cannot be done yet is done again."""
    from clearing.services.jobs import NotYet

    for _ in range(20):
        try:
            withdrawals.release(sequence, cause=CAUSE)
        except NotYet:
            continue
        return
    raise AssertionError("never released")
