"""Reading a statement from outside, matching it, and what a run says of breaks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import reconciliation
from clearing.domain.amounts import LARGEST, NotANumber
from clearing.domain.events import BreakFound, BreakResolved
from clearing.domain.reconciliation import (
    CUSTODIAN,
    VENUE,
    DifferenceOutOfRange,
    OpenBreak,
    OutsideLine,
    OutsideStatementNotValid,
    SourceGap,
    Terms,
)

HEADER = "line,source_sequence,reference,at,account,asset,amount,price,buyer,seller\n"
BALANCES = st.dictionaries(
    st.tuples(st.sampled_from(["", "A-1", "B-1"]), st.sampled_from(["BTC", "USDC"])),
    st.integers(-5, 5),
)
CASH = {asset: Terms(unit="cash", halts=asset, tolerance=2) for asset in ("BTC", "USDC")}


def moved(number: int, **but: str) -> OutsideLine:
    usual = {
        "line": "deposit",
        "source_sequence": str(number),
        "reference": f"wire-{number}",
        "account": "A-1",
        "asset": "USDC",
        "amount": "5",
    }
    return OutsideLine(**(usual | but))


def said(ours, theirs, *, known=None, missing=(), document="d"):
    _, differences = reconciliation.compare(ours, theirs)
    return list(
        reconciliation.breaks(
            differences,
            known=known or {},
            terms=CASH,
            missing=missing,
            holder="BANK",
            kind=CUSTODIAN,
            document=document,
            next_number=7,
        )
    )


# --- reading ----------------------------------------------------------------------------------


def test_a_statement_of_a_custodian_is_read():
    text = HEADER + "balance,,,,,USDC,12.5,,,\ndeposit,17,wire-17,,A-1,USDC,5,,,\n"

    balance, deposit = reconciliation.read(text, kind=CUSTODIAN)

    assert (balance.asset, balance.amount) == ("USDC", "12.5")
    assert (deposit.source, deposit.reference, deposit.account) == (17, "wire-17", "A-1")


def test_columns_may_be_left_out_and_a_mark_at_the_start_is_passed_over():
    [line] = reconciliation.read("\ufeffline,asset,amount\nbalance,BTC,1\n", kind=CUSTODIAN)

    assert line == OutsideLine(line="balance", asset="BTC", amount="1")


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (CUSTODIAN, "position,,,,A-1,BTC-PERP,1,,,"),
        (VENUE, "balance,,,,,USDC,1,,,"),
        (CUSTODIAN, "balance,,,,,USDC,,,,"),
        (CUSTODIAN, "balance,,,,,,1,,,"),
        (VENUE, "position,,,,,BTC-PERP,1,,,"),
        (CUSTODIAN, "deposit,,wire,,A-1,USDC,1,,,"),
        (CUSTODIAN, "deposit,0,wire,,A-1,USDC,1,,,"),
        (CUSTODIAN, "deposit,x,wire,,A-1,USDC,1,,,"),
        (CUSTODIAN, "deposit,1,,,A-1,USDC,1,,,"),
        (CUSTODIAN, "deposit,1,wire,,,USDC,1,,,"),
        (CUSTODIAN, "deposit,1,wire,noon,A-1,USDC,1,,,"),
        (VENUE, "trade,1,t-1,,,BTC-PERP,1,,A-1,B-1"),
        (CUSTODIAN, "balance,,,,,USDC,1,,,\nbalance,,,,,USDC,2,,,"),
        (CUSTODIAN, "deposit,1,w,,A-1,USDC,1,,,\ndeposit,2,w,,A-1,USDC,1,,,"),
        (CUSTODIAN, "deposit,1,w,,A-1,USDC,1,,,\nwithdrawal,01,x,,A-1,USDC,1,,,"),
        (CUSTODIAN, "deposit,1,w,0001-01-01T00:00:00+23:59,A-1,USDC,1,,,"),
        (CUSTODIAN, "balance,USDC"),
        (CUSTODIAN, ""),
    ],
)
def test_what_cannot_be_meant_is_refused(kind, row):
    with pytest.raises(OutsideStatementNotValid):
        reconciliation.read(HEADER + row + "\n", kind=kind)


def test_a_header_of_something_else_is_refused():
    with pytest.raises(OutsideStatementNotValid):
        reconciliation.read(":20:STMT\n:60F:C\n", kind=CUSTODIAN)


# --- the holder's own numbers -----------------------------------------------------------------


def test_movements_follow_each_other_and_may_be_told_again():
    assert reconciliation.check_sources([moved(4), moved(3)], last=2) == 4
    assert reconciliation.check_sources([moved(2), moved(3)], last=3) == 3
    assert reconciliation.check_sources([moved(900)], last=0) == 900
    assert reconciliation.check_sources([], last=3) == 3


@pytest.mark.parametrize(("numbers", "last"), [([5], 3), ([4, 6], 3), ([7, 9], 0)])
def test_a_gap_in_them_is_refused(numbers, last):
    with pytest.raises(SourceGap):
        reconciliation.check_sources([moved(number) for number in numbers], last=last)


def content(**but: str) -> tuple[str, str]:
    return reconciliation.told([OutsideLine(line="balance"), moved(7, **but)])[1]


@pytest.mark.parametrize(
    "but",
    [
        {"amount": "5.00"},
        {"source_sequence": "007"},
        {"at": "2026-01-01T00:00:00Z"},
        {"at": "2026-01-01 01:00:00+01:00"},
    ],
)
def test_a_movement_is_the_same_however_its_numbers_and_times_are_spelled(but):
    usual = {"at": "2026-01-01T00:00:00+00:00"}

    assert content(**(usual | but)) == content(**usual)


@pytest.mark.parametrize(
    "but",
    [
        {"amount": "5.000000000000000000000000000001"},
        {"reference": "wire-8"},
        {"account": "B-1"},
        {"asset": "BTC"},
        {"line": "withdrawal"},
        {"at": "2026-01-01T00:00:00Z"},
    ],
)
def test_whatever_else_is_said_under_its_number_is_another_movement(but):
    (number, usual), (again, other) = content(), content(**but)

    assert number == again == "7"
    assert usual != other


def test_an_amount_of_a_movement_that_is_no_number_is_refused_with_its_place():
    with pytest.raises(NotANumber) as found:
        content(amount="five")

    assert (found.value.field, found.value.place) == ("amount", 1)


# --- matching ---------------------------------------------------------------------------------


@given(BALANCES, BALANCES)
def test_every_key_agrees_or_differs_and_differences_make_ours_theirs(ours, theirs):
    matched, differences = reconciliation.compare(ours, theirs)

    mended = dict(ours)
    for it in differences:
        assert it.amount
        mended[it.key] = mended.get(it.key, 0) + it.amount
    keys = {*ours, *theirs}
    assert all(mended.get(key, 0) == theirs.get(key, 0) for key in keys)
    assert not set(matched) & {it.key for it in differences}


@given(BALANCES)
def test_a_book_that_agrees_with_itself_has_no_break(ours):
    assert said(ours, ours) == []


@given(BALANCES, BALANCES, BALANCES)
def test_the_breaks_that_stand_are_the_differences_whatever_came_before(ours, theirs, later):
    standing = {}
    for statement in (theirs, later):
        known = {
            key: OpenBreak(break_id=it.break_id, difference=it.difference)
            for key, it in standing.items()
        }
        for fact in said(ours, statement, known=known):
            if isinstance(fact, BreakResolved):
                [key] = [key for key, it in standing.items() if it.break_id == fact.break_id]
                del standing[key]
            else:
                assert (fact.account, fact.asset) not in standing
                standing[fact.account, fact.asset] = fact

        _, differences = reconciliation.compare(ours, statement)
        assert {key: it.difference for key, it in standing.items()} == {
            it.key: it.amount for it in differences
        }


@pytest.mark.parametrize(("ours", "theirs"), [(1, -LARGEST), (0, LARGEST + 1), (-LARGEST - 1, 0)])
def test_a_difference_that_no_break_can_say_is_refused_with_the_line_that_states_it(ours, theirs):
    lines = [moved(1), OutsideLine(line="balance", asset="USDC", amount="1")]
    _, differences = reconciliation.compare({("", "USDC"): ours}, {("", "USDC"): theirs})

    with pytest.raises(DifferenceOutOfRange) as found:
        reconciliation.check_sizes(differences, lines)
    with pytest.raises(DifferenceOutOfRange) as unstated:
        reconciliation.check_sizes(differences, lines[:1])

    assert (found.value.field, found.value.place) == ("amount", 1)
    assert (unstated.value.field, unstated.value.place) == ("lines", None)


def test_the_largest_difference_a_break_can_say_is_said():
    lines = [OutsideLine(line="balance", asset="USDC", amount="1")]
    _, differences = reconciliation.compare({("", "USDC"): 1}, {("", "USDC"): 1 - LARGEST})

    reconciliation.check_sizes(differences, lines)

    assert differences[0].amount == -LARGEST


def test_within_tolerance_a_break_halts_nothing():
    [small] = said({("", "USDC"): 10}, {("", "USDC"): 12})
    [large] = said({("", "USDC"): 10}, {("", "USDC"): 7})

    assert isinstance(small, BreakFound)
    assert (small.difference, small.halts) == (2, "")
    assert (large.difference, large.halts, large.break_id) == (-3, "USDC", "break-7")


def test_a_break_names_the_movements_that_may_explain_it():
    [found] = said({}, {("", "USDC"): 9}, missing=[moved(1), moved(2, asset="BTC")])

    assert found.missing == "wire-1"
