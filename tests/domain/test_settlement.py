"""What is due, when, and that it cancels; pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import cycles, instrument, settlement
from clearing.domain.account import Account, evolve, novate, replay
from clearing.domain.cycles import Schedule, ScheduleNotValid, slot_at, times_of
from clearing.domain.events import AccountOpened, AccountSettled
from clearing.domain.resettlement import Step, wanted_cost
from clearing.domain.settlement import Fee, FeeNotValid, FundingNotValid, Line, Moved
from tests.domain.instruments import CALL, INVERSE, PERPETUAL, a_leg

DAY = datetime(2026, 1, 1, tzinfo=UTC)
OPENED = AccountOpened(account_id="NORTH-1", member_id="NORTH", kind="client", title="North")
LOTS = st.integers(-500, 500).filter(bool)
TICKS = st.integers(100_000, 300_000)
MARKS = st.decimals("50000", "150000", places=3).map(str)


def at(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


# --- when -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "slot"), [(7, -8), (8, 8), (15.9, 8), (16, 16), (23, 16), (24 + 7, 16), (24 + 8, 32)]
)
def test_the_latest_slot_that_has_come_is_due(now, slot):
    assert slot_at(Schedule(times=times_of("16:00,08:00")), at(now)) == at(slot)


def test_a_slot_before_the_schedule_is_not_due():
    schedule = Schedule(times=times_of("08:00"), since=at(9))

    assert slot_at(schedule, at(20)) is None
    assert slot_at(schedule, at(33)) == at(32)


def test_an_interval_is_counted_from_midnight():
    assert slot_at(Schedule(interval_minutes=90), at(5)) == at(4.5)
    assert slot_at(Schedule(), at(5)) is None


@pytest.mark.parametrize("text", ["25:00", "8", "08:00;16:00", "08:00+01:00", "noon"])
def test_what_is_no_time_of_day_is_refused(text):
    with pytest.raises(ScheduleNotValid):
        times_of(text)


@pytest.mark.parametrize("minutes", [-1, 7, 1_441])
def test_an_interval_divides_a_day(minutes):
    with pytest.raises(ScheduleNotValid):
        cycles.check_schedule(Schedule(interval_minutes=minutes))


def test_every_state_but_the_last_can_be_left():
    assert set(cycles.MOVES) == set(cycles.State)
    assert [state for state, moves in cycles.MOVES.items() if not moves] == [cycles.State.CLOSED]


# --- what is paid -----------------------------------------------------------------------------


@given(st.sampled_from([PERPETUAL, INVERSE]), LOTS, TICKS, MARKS)
def test_being_settled_never_changes_what_an_account_is_worth(it, lots, ticks, mark):
    held = evolve(
        replay([OPENED]), novate(replay([OPENED]), a_leg(lots=lots, price_ticks=ticks), it)
    )
    line = settlement.variation_margin(it, lots=lots, cost=held.cost(it.symbol), mark=mark)
    fact = AccountSettled(
        account_id="NORTH-1",
        cycle_id="c",
        price_set="p",
        book_version=2,
        lines=settlement.text_of([line]),
    )

    after = evolve(held, fact)

    assert worth(after, it, mark) == worth(held, it, mark)
    assert after.cost(it.symbol) == instrument.position_value(it, lots=lots, price=Decimal(mark))


def worth(held: Account, it, mark: str) -> int:
    value = instrument.value_at_mark(
        it, lots=held.lots(it.symbol), cost=held.cost(it.symbol), mark=Decimal(mark)
    )
    return held.cash(it.settlement) + value


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=30), MARKS)
def test_values_of_everybody_cancel_but_for_half_a_unit_an_account(lots, mark):
    everybody = [*lots, -sum(lots)]
    total = sum(
        instrument.position_value(INVERSE, lots=each, price=Decimal(mark)) for each in everybody
    )

    assert settlement.residue_fault("X", residue=total, accounts=len(everybody)) is None


def test_a_residue_that_rounding_cannot_explain_is_a_fault():
    usual = {"symbol": "X", "settlement": "BTC", "accounts": 4, "cash": 0, "cost": 0}

    assert settlement.fault_in(Moved(**usual, lots=0, value=2)) is None
    assert settlement.fault_in(Moved(**usual, lots=0, value=-3)).invariant == "I3"
    assert settlement.fault_in(Moved(**usual, lots=1, value=0)).invariant == "I1"


@given(st.integers(-(10**6), 10**6), st.decimals("-0.01", "0.01", places=8), MARKS)
def test_what_longs_pay_for_funding_shorts_of_the_size_receive(lots, rate, price):
    for it in (PERPETUAL, INVERSE):
        there, back = (
            settlement.funding(it, lots=side * lots, rate=rate, price=Decimal(price))
            for side in (1, -1)
        )
        assert there == -back
        assert lots * rate * there <= 0


@pytest.mark.parametrize(
    ("it", "rate", "price"), [(CALL, "0.1", "1"), (PERPETUAL, "1", "1"), (PERPETUAL, "0.1", "0")]
)
def test_a_rate_that_cannot_be_is_refused(it, rate, price):
    with pytest.raises(FundingNotValid):
        settlement.check_funding(it, rate=Decimal(rate), price=Decimal(price))


def test_a_fee_is_summed_exactly_and_rounded_up_once():
    opened = replay([OPENED])
    trades = [novate(opened, a_leg(lots=lots, price_ticks=180_001), PERPETUAL) for lots in (1, -2)]
    rate = Fee(rate=Decimal("0.00000001"), per_lot=Decimal("0.0000004"))

    # 3 lots x 90.0005 x 1e-8 = 0.000002700015, and 3 x 0.0000004 = 0.0000012
    assert settlement.fee_of(PERPETUAL, trades, rate) == 4
    assert settlement.fee_of(PERPETUAL, trades, Fee()) == 0


@pytest.mark.parametrize("fee", [Fee(rate=Decimal("0.1")), Fee(per_lot=Decimal(-1))])
def test_a_fee_that_cannot_be_is_refused(fee):
    with pytest.raises(FeeNotValid):
        settlement.check_fee(fee)


def test_lines_are_written_and_read_alike():
    lines = [
        Line(kind="vm", symbol="X", asset="BTC", count=-3, price="1.5", value=7, cash=2, cost=2),
        Line(kind="fee", symbol="X", asset="BTC", count=1, cash=-1),
    ]

    assert settlement.lines_of(settlement.text_of(lines)) == lines


# --- settled again ----------------------------------------------------------------------------


@given(
    st.lists(st.tuples(LOTS, TICKS, st.booleans()), min_size=1, max_size=12),
    st.lists(MARKS, min_size=12, max_size=12),
    st.lists(st.none() | MARKS, min_size=12, max_size=12),
)
def test_what_is_wanted_is_what_a_history_with_the_right_marks_would_have_left(steps, wrong, right):
    """The account lived twice by its own rules; the walk over the first life finds the second."""
    first, walked, values = _lived(steps, wrong, [None] * 12)
    second, _, _ = _lived(steps, wrong, right)

    assert wanted_cost(walked, corrected={}) == (first, first)
    corrected = {
        f"c-{number}": instrument.position_value(
            INVERSE, lots=values[number], price=Decimal(right[number])
        )
        for number in values
        if right[number] is not None
    }
    assert wanted_cost(walked, corrected=corrected) == (first, second)


def _lived(steps, marks, instead):
    """(cost at the end, the steps on record, cycle number -> lots it valued)."""
    held, walked, valued = replay([OPENED]), [], {}
    for number, (lots, ticks, settled) in enumerate(steps):
        fact = novate(held, a_leg(lots=lots, price_ticks=ticks), INVERSE)
        held = evolve(held, fact)
        walked.append(Step(version=2 * number + 2, lots=fact.lots, cost=fact.cost))
        if settled and held.lots(INVERSE.symbol):
            line = settlement.variation_margin(
                INVERSE,
                lots=held.lots(INVERSE.symbol),
                cost=held.cost(INVERSE.symbol),
                mark=instead[number] or marks[number],
            )
            lines = settlement.text_of([line])
            paid = AccountSettled(
                account_id="NORTH-1", cycle_id="c", price_set="p", book_version=0, lines=lines
            )
            held = evolve(held, paid)
            valued[number] = held.lots(INVERSE.symbol)
            walked.append(
                Step(
                    version=2 * number + 3,
                    lots=0,
                    cost=line.cost,
                    cycle=f"c-{number}",
                    value=line.value,
                    book=2 * number + 2,
                )
            )
    return held.cost(INVERSE.symbol), walked, valued
