"""Settlement cycles: what they pay, that they balance, and that dying on the way changes nothing."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from clearing import models, selectors
from clearing.domain.cycles import CycleUnderWay, IllegalCycleMove, State, Trigger, move
from clearing.services import (
    books,
    cycles,
    pricing,
    schedules,
    sealing,
    settlement,
    timekeeping,
    trades,
    verification,
)
from tests.builders import (
    CAUSE,
    FUTURE,
    INVERSE,
    PERPETUAL,
    START,
    a_house,
    a_price_set,
    a_third_member,
    a_trade,
    after,
    run_due_jobs,
)
from tests.oracle.settlement import Gains
from tests.seeds import seed_of

pytestmark = pytest.mark.django_db

MEMBERS = ("EAST-1", "NORTH-1", "SOUTH-1")


def sealed(index="90000", *, hours=1.0):
    return selectors.prices_at(pricing.seal(a_price_set(index, at=after(hours=hours)), cause=CAUSE))


def traded(trade_id="t-1", **but):
    return trades.novate(a_trade(trade_id=trade_id, **but), at=timekeeping.now(), cause=CAUSE)


def settled(cycle_id="one", *, on=None, **but):
    return cycles.settle(cycle_id, on or selectors.latest_prices(), cause=CAUSE, **but)


def cash(account_id, asset="USDC"):
    return selectors.account(account_id).cash(asset)


def gained(account_id, asset="USDC"):
    return cash(account_id, asset) - (1_000_000_000_000 if asset == "USDC" else 0)


def facts(name):
    return models.Event.objects.filter(name=f"clearing.{name}.v1").count()


def nothing_is_lost():
    assert all(members + house == 0 for _, members, house in selectors.trial_balance())
    assert selectors.holdings("ccp-settlement") == {}
    sealing.seal()
    assert verification.verify() == []


# --- what is paid -----------------------------------------------------------------------------


def test_what_a_position_gained_is_paid_and_becomes_its_cost():
    a_house()
    traded(price="90000")
    sealed("91000.5")

    row = settled()

    assert row.state == State.CLOSED
    assert (gained("NORTH-1"), gained("SOUTH-1")) == (1_000_500_000, -1_000_500_000)
    assert selectors.account("NORTH-1").cost(PERPETUAL) == 91_000_500_000
    nothing_is_lost()


def test_an_inverse_position_is_valued_as_a_whole_and_paid_in_coin():
    a_house()
    traded(symbol=INVERSE, quantity="1000000", price="90000")
    sealed("91000.5")

    settled()

    # rounded on each of its hundred thousand lots it would be 12,200,000
    coins = round(Fraction(10**14, 90_000)) - round(Fraction(10**15, 910_005))
    assert coins == 12_216_050
    assert (gained("NORTH-1", "BTC"), gained("SOUTH-1", "BTC")) == (coins, -coins)
    nothing_is_lost()


def test_the_house_between_buyers_and_sellers_is_flat_after_a_cycle():
    a_house()
    a_third_member()
    traded("t-1", symbol=INVERSE, quantity="70", price="90000")
    traded("t-2", symbol=INVERSE, quantity="30", price="91000.5", buyer="EAST-1", seller="NORTH-1")
    traded("t-3", symbol=INVERSE, quantity="90", price="88000", buyer="EAST-1", seller="NORTH-1")
    sealed("90123.5")

    settled()

    held = selectors.holdings("ccp-novation")
    assert {asset for asset in held if asset.startswith(("cost", "lots", "cash"))} == set()
    rounding = selectors.holdings("ccp-rounding")
    assert rounding.get("cash:BTC", 0) == rounding.get(f"cost:{INVERSE}", 0)
    nothing_is_lost()


def test_a_second_cycle_on_the_same_prices_pays_nothing_more():
    a_house()
    traded()
    sealed("91000")
    settled("one")
    before = cash("NORTH-1")

    row = settled("two")

    assert (row.state, cash("NORTH-1")) == (State.CLOSED, before)


def test_what_the_set_does_not_quote_is_carried_on():
    a_house()
    traded(symbol=FUTURE)
    prices = a_price_set("91000", at=after(hours=1))
    quotes = {symbol: quote for symbol, quote in prices.quotes.items() if symbol != FUTURE}
    pricing.seal(type(prices)(**{**_fields(prices), "quotes": quotes}), cause=CAUSE)

    row = settled()

    assert (row.state, gained("NORTH-1")) == (State.CLOSED, 0)


def _fields(prices):
    return {name: getattr(prices, name) for name in prices.__dataclass_fields__}


def test_premium_is_shown_and_a_fee_is_charged_once():
    a_house()
    schedules.set_fee("option", per_lot="0.00000003", rate="0.01", at=START, cause=CAUSE)
    traded(symbol="BTC-30JAN26-100000-C", quantity="1", price="0.0123")
    sealed()

    settled("one")
    settled("two")

    lines = {it.kind: it for it in models.CycleLine.objects.filter(account="NORTH-1")}
    assert (lines["premium"].cash, lines["premium"].count) == (-1_230_000, 1)
    assert (lines["fee"].cash, lines["fee"].count) == (-12_330, 1)  # ten lots, and a hundredth
    assert gained("NORTH-1", "BTC") == -1_230_000 - 12_330
    assert selectors.holdings("ccp-fees") == {"cash:BTC": 2 * 12_330}
    nothing_is_lost()


def test_a_late_trade_settles_only_the_difference():
    """Fault 8: effective yesterday, reported after two cycles; the sealed cycles stay as they are."""
    a_house()
    traded("t-1", price="90000")
    sealed("91000", hours=1)
    settled("one")
    sealed("92000", hours=25)
    settled("two")
    before = models.CycleLine.objects.count()

    trades.novate(a_trade(trade_id="late", price="90500"), at=after(minutes=30), cause=CAUSE)
    settled("three")

    assert gained("NORTH-1") == 2_000_000_000 + 1_500_000_000
    assert models.CycleLine.objects.filter(cycle__in=["one", "two"]).count() == before
    nothing_is_lost()


# --- random histories -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [2, 5, seed_of("cycles")])
def test_however_often_it_is_settled_everybody_gains_what_the_oracle_says(seed):
    print(f"seed {seed}")
    chance = random.Random(seed)
    a_house(RING="0")
    a_third_member()
    oracle = {
        PERPETUAL: Gains(lot=Fraction("0.001"), inverse=False, unit=10**6),
        INVERSE: Gains(lot=Fraction(10), inverse=True, unit=10**8),
    }
    for step in range(1, 13):
        for number in range(chance.randint(0, 4)):
            _random_trade(chance, oracle, f"t-{step}-{number}")
        if chance.random() < 0.6:
            mark = f"{chance.randint(150_000, 210_000) / 2}"
            sealed(mark, hours=step)
            settled(f"c-{step}")
            _agree(oracle, Fraction(mark))
    nothing_is_lost()


def _random_trade(chance, oracle, trade_id):
    symbol = chance.choice([PERPETUAL, INVERSE])
    buyer, seller = chance.sample(MEMBERS, 2)
    lots, price = chance.randint(1, 400), Fraction(chance.randint(150_000, 210_000), 2)
    it = oracle[symbol]
    quantity = it.lot * lots
    traded(
        trade_id,
        symbol=symbol,
        quantity=f"{float(quantity):.3f}",
        price=f"{float(price)}",
        buyer=buyer,
        seller=seller,
    )
    it.trade(buyer=buyer, seller=seller, lots=lots, price=price)


def _agree(oracle, mark):
    """After a cycle, everything gained is in cash: in money and in coin."""
    for symbol, asset in ((PERPETUAL, "USDC"), (INVERSE, "BTC")):
        residue = 0
        for account in MEMBERS:
            expected = oracle[symbol].gained(account, mark=mark)
            off = abs(gained(account, asset) - expected)
            assert off <= oracle[symbol].may_differ(account), (symbol, account)
            residue += gained(account, asset)
        assert 2 * abs(residue) <= len(MEMBERS)
        assert residue == -selectors.holdings("ccp-rounding").get(f"cash:{asset}", 0)


# --- dying on the way, and in company ---------------------------------------------------------


def test_dying_anywhere_and_running_again_pays_everybody_once(settings, monkeypatch):
    settings.SURETY_CHUNK_ACCOUNTS = 1
    a_house()
    a_third_member()
    traded(price="90000")
    on, step = sealed("91000"), cycles.settle_next
    paid = []
    for survives in (0, 1, 2):
        left = iter(range(survives))

        def dies(cycle_id, *, cause, left=left):
            if next(left, None) is None:
                raise KeyboardInterrupt
            return step(cycle_id, cause=cause)

        monkeypatch.setattr(cycles, "settle_next", dies)
        with pytest.raises(KeyboardInterrupt):
            settled(on=on)
        paid.append(facts("account-settled"))

    monkeypatch.setattr(cycles, "settle_next", step)
    row = settled(on=on)

    assert paid == [0, 0, 1]  # EAST and RING have nothing to settle
    assert (row.state, gained("NORTH-1"), gained("SOUTH-1")) == ("closed", 10**9, -(10**9))
    assert facts("account-settled") == 2
    assert books.left("cycle-one") == 0
    nothing_is_lost()


def test_trading_goes_on_while_a_cycle_is_under_way(settings):
    """What was traded after the book was taken is in the next cycle, and nothing is paid twice."""
    settings.SURETY_CHUNK_ACCOUNTS = 1
    a_house()
    traded("t-1", price="90000")
    on = sealed("91000")
    cycles.open_cycle("one", on, kind="ad-hoc", slot="one", cause=CAUSE)
    cycles.settle_next("one", cause=CAUSE)
    traded("t-2", price="90800", buyer="SOUTH-1", seller="NORTH-1")  # both are flat now

    row = cycles.carry_on("one", cause=CAUSE)
    in_between = gained("NORTH-1") - selectors.account("NORTH-1").cost(PERPETUAL)
    settled("two")

    assert row.state == State.CLOSED
    assert in_between == 800_000_000
    assert (gained("NORTH-1"), gained("SOUTH-1")) == (800_000_000, -800_000_000)
    assert selectors.account("NORTH-1").cost(PERPETUAL) == 0
    nothing_is_lost()


def test_a_cycle_that_does_not_balance_is_held_and_says_why(monkeypatch):
    a_house()
    traded(price="90000")
    on = sealed("91000")
    cycles.open_cycle("one", on, kind="ad-hoc", slot="one", cause=CAUSE)
    while cycles.settle_next("one", cause=CAUSE):
        pass
    models.CycleLine.objects.filter(account="SOUTH-1").update(value=-1)

    cycles.close("one", cause=CAUSE)
    row = selectors.cycle("one")

    assert (row.state, row.reason[:2]) == (State.HELD, "I3")
    with pytest.raises(CycleUnderWay):
        settled("two")
    assert cycles.settle_due(on, cause=CAUSE) is None
    models.CycleLine.objects.filter(account="SOUTH-1").update(value=-91_000_000_000)
    assert settled("one").state == State.CLOSED
    nothing_is_lost()


def test_a_closed_cycle_does_not_move():
    with pytest.raises(IllegalCycleMove):
        move(State.CLOSED, Trigger.HOLD)
    assert move(State.HELD, Trigger.CLOSE) is State.CLOSED


# --- when -------------------------------------------------------------------------------------


def test_the_first_set_past_a_slot_settles_it_and_no_other_does():
    a_house()
    schedules.set_schedule("08:00", at=START, cause=CAUSE)
    traded(price="90000")
    for hours, index in ((7, "90500"), (9, "91000"), (11, "92000"), (33, "93000")):
        sealed(index, hours=hours)
        run_due_jobs()

    rows = selectors.cycles().filter(kind="periodic").order_by("opened")
    assert [(row.slot[:13], row.state) for row in rows] == [
        ("2026-01-01T08", "closed"),
        ("2026-01-02T08", "closed"),
    ]
    assert [row.at for row in rows] == [after(hours=9), after(hours=33)]
    assert gained("NORTH-1") == 3_000_000_000


def test_margin_sees_the_book_after_its_cycle():
    a_house()
    schedules.set_schedule("", interval_minutes=60, at=START, cause=CAUSE)
    traded(price="90000")
    sequence = sealed("91000").sequence
    run_due_jobs()

    closed = selectors.cycles().get(kind="periodic").closed
    said = models.Event.objects.get(name="clearing.expiries-settled.v1", cause=sequence)
    assert closed < said.sequence


def test_a_cycle_left_under_way_is_finished_by_the_next_set():
    a_house()
    schedules.set_schedule("", interval_minutes=60, at=START, cause=CAUSE)
    traded(price="90000")
    on = sealed("91000", hours=1)
    cycles.open_cycle("left", on, kind="ad-hoc", slot="left", cause=CAUSE)
    sequence = sealed("92000", hours=2).sequence

    settlement.settle_expiries(sequence, cause=CAUSE)

    assert selectors.cycle("left").state == State.CLOSED
    assert gained("NORTH-1") == 2_000_000_000


def test_a_rebuild_writes_the_same_rows():
    from clearing.services import replays

    a_house()
    traded()
    sealed("91000")
    settled()

    assert set(replays.rebuild().values()) == {0}
