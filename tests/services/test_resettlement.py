"""Funding, and corrected prices: differences only, to what the corrected history would have paid."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction

import pytest

from clearing import models, selectors, store
from clearing.domain import clock, prices
from clearing.domain.events import PriceSetCorrected
from clearing.domain.settlement import FundingNotValid
from clearing.services import (
    cycles,
    funding,
    pricing,
    resettlement,
    schedules,
    sealing,
    settlement,
    timekeeping,
    trades,
    verification,
)
from clearing.services.funding import Fixing, FundingDiffers
from tests.builders import (
    CALL,
    CAUSE,
    EXPIRY,
    FUTURE,
    INVERSE,
    PERPETUAL,
    a_house,
    a_price_set,
    a_third_member,
    a_trade,
    after,
    run_due_jobs,
)
from tests.oracle.settlement import Gains
from tests.seeds import seed_of
from tests.services.test_cycles import MEMBERS, gained, sealed, settled, traded

pytestmark = pytest.mark.django_db


def corrected(wrong, index, *, at=None):
    """A correction on record, as the price service leaves it: its content and its fact."""

    @store.decision
    def record():
        found = a_price_set(index, at=at or selectors.prices_at(wrong).at)
        body = prices.content(found)
        name = prices.name_of(body)
        models.PriceBody.objects.bulk_create(
            [models.PriceBody(name=name, body=body)], ignore_conflicts=True
        )
        fact = PriceSetCorrected(
            corrects=wrong,
            price_set=name,
            source=found.source,
            at=clock.text(found.at),
            quotes=len(found.quotes),
            simulated=True,
            reason="test",
        )
        return store.append(store.claim("prices"), fact, at=timekeeping.now(), cause=CAUSE)

    return record()


def nothing_is_lost():
    """As after a cycle. The content of a correction is evidence that verify asks the price service
    about, and here nobody but this test recorded it."""
    assert all(members + house == 0 for _, members, house in selectors.trial_balance())
    assert selectors.holdings("ccp-settlement") == {}
    sealing.seal()
    assert [it for it in verification.verify() if it.check != "price sets"] == []


def again(correction):
    return resettlement.resettle(correction, cause=CAUSE)


def books():
    return {account: selectors.holdings(account) for account in MEMBERS}


# --- corrected prices: fault 6 ----------------------------------------------------------------


def test_a_wrong_price_that_is_corrected_pays_the_difference_once():
    a_house()
    traded(price="90000")
    wrong = sealed("99000").sequence
    settled()

    done = again(corrected(wrong, "91000"))

    assert len(done) == 1
    assert gained("NORTH-1") == 1_000_000_000
    assert selectors.account("NORTH-1").cost(PERPETUAL) == 91_000_000_000
    assert again(models.Event.objects.get(name=PriceSetCorrected.NAME).sequence) == []
    assert gained("NORTH-1") == 1_000_000_000
    nothing_is_lost()


def test_what_a_later_cycle_has_taken_back_already_is_not_paid_again():
    a_house()
    traded(price="90000")
    wrong = sealed("99000", hours=1).sequence
    settled("one")
    sealed("92000", hours=2)
    settled("two")

    assert again(corrected(wrong, "91000")) == []

    assert gained("NORTH-1") == 2_000_000_000
    nothing_is_lost()


def test_a_correction_can_be_corrected():
    a_house()
    traded(price="90000")
    wrong = sealed("99000").sequence
    settled()

    first = corrected(wrong, "91000")
    again(first)
    again(corrected(wrong, "93000"))
    again(corrected(first, "92500", at=after(hours=1)))

    assert gained("NORTH-1") == 2_500_000_000
    assert selectors.account("NORTH-1").cost(PERPETUAL) == 92_500_000_000
    nothing_is_lost()


def test_the_job_of_a_correction_settles_again():
    a_house()
    traded(price="90000")
    wrong = sealed("99000").sequence
    settled()
    corrected(wrong, "91000")

    run_due_jobs()

    assert gained("NORTH-1") == 1_000_000_000


@pytest.mark.parametrize("seed", [3, 8, seed_of("resettlement")])
def test_after_corrections_the_book_is_what_the_corrected_history_leads_to(seed, take_back):
    """I16: the same history twice, once with wrong prices that are corrected, once with the right
    ones. Cash and what positions are carried at agree to the minor unit."""
    print(f"seed {seed}")
    chance = random.Random(seed)
    script = [
        (
            [_a_random_trade(chance, f"t-{step}-{n}") for n in range(chance.randint(0, 3))],
            f"{chance.randint(170_000, 190_000) / 2}",
            f"{chance.randint(170_000, 190_000) / 2}" if chance.random() < 0.5 or step == 8 else "",
        )
        for step in range(1, 9)
    ]
    since = [_a_random_trade(chance, f"t-9-{n}") for n in range(6)]

    _play(script, since, mistaken=False)
    right = books()
    take_back()
    _play(script, since, mistaken=True)

    assert books() == right
    assert models.CycleLine.objects.exclude(corrects="").exists()
    nothing_is_lost()


def _a_random_trade(chance, trade_id):
    buyer, seller = chance.sample(MEMBERS, 2)
    symbol, lot = chance.choice([(PERPETUAL, Fraction("0.001")), (INVERSE, Fraction(10))])
    return {
        "trade_id": trade_id,
        "symbol": symbol,
        "quantity": f"{float(lot * chance.randint(1, 300)):.3f}",
        "price": f"{chance.randint(170_000, 190_000) / 2}",
        "buyer": buyer,
        "seller": seller,
    }


def _play(script, since, *, mistaken):
    wrong = []
    a_house(RING="0")
    a_third_member()
    for step, (reports, mark, mistake) in enumerate(script, start=1):
        for report in reports:
            traded(**report)
        sequence = sealed(mistake if mistaken and mistake else mark, hours=step).sequence
        settled(f"c-{step}")
        if mistake:
            wrong.append((sequence, mark))
    for report in since:  # positions shrink and turn before anybody notices
        traded(**report)
    if mistaken:
        for sequence, mark in wrong:
            again(corrected(sequence, mark))


@pytest.fixture
def take_back(db):
    """Lets one test live two histories: undoes everything since it began."""
    from django.db import transaction

    point = transaction.savepoint()
    return lambda: transaction.savepoint_rollback(point)


# --- corrected at expiry ----------------------------------------------------------------------


def test_a_corrected_final_price_pays_options_and_futures_again():
    a_house()
    traded("t-1", symbol=FUTURE, price="90000")
    traded("t-2", symbol=CALL, quantity="1", price="0")
    wrong = pricing.seal(a_price_set("125000", at=EXPIRY), cause=CAUSE)
    settlement.settle_expiries(wrong, cause=CAUSE)
    assert (gained("NORTH-1"), gained("NORTH-1", "BTC")) == (35_000_000_000, 20_000_000)

    done = again(corrected(wrong, "110000", at=EXPIRY))

    assert len(done) == 2
    assert gained("NORTH-1") == 20_000_000_000
    assert gained("NORTH-1", "BTC") == round(Fraction(10_000, 110_000) * 10**8)
    assert gained("SOUTH-1", "BTC") == -gained("NORTH-1", "BTC")
    nothing_is_lost()


def test_an_option_that_was_worthless_by_mistake_is_exercised_after_all():
    a_house()
    traded(symbol=CALL, quantity="1", price="0")
    schedules.instruct_exercise(
        "NORTH-1", key="k", symbol=CALL, abandon=4, at=timekeeping.now(), cause=CAUSE
    )
    wrong = pricing.seal(a_price_set("99000", at=EXPIRY), cause=CAUSE)
    settlement.settle_expiries(wrong, cause=CAUSE)
    assert gained("NORTH-1", "BTC") == 0

    again(corrected(wrong, "125000", at=EXPIRY))

    assert (gained("NORTH-1", "BTC"), gained("SOUTH-1", "BTC")) == (12_000_000, -12_000_000)
    nothing_is_lost()


# --- funding ----------------------------------------------------------------------------------


def a_fixing(**but):
    usual = {
        "symbol": PERPETUAL,
        "source": "test",
        "interval_end": after(hours=8),
        "hours": 8,
        "rate": "0.0001",
    }
    return Fixing(**(usual | but))


def fixed(**but):
    return funding.fix(a_fixing(**but), cause=CAUSE)


def test_longs_pay_shorts_on_what_was_held_at_the_end_of_the_interval():
    a_house()
    traded(price="90000")
    sealed("91000", hours=7)
    timekeeping.advance(after(hours=9), cause=CAUSE)
    traded("t-2", price="90000")  # too late to be funded

    fixed()
    run_due_jobs()

    assert (gained("NORTH-1"), gained("SOUTH-1")) == (-9_100_000, 9_100_000)
    nothing_is_lost()


def test_a_rate_is_paid_once_however_often_it_is_told_or_run():
    a_house()
    traded()
    sealed("91000", hours=7)
    timekeeping.advance(after(hours=9), cause=CAUSE)

    sequence = fixed()
    assert fixed() is None
    assert funding.settle(sequence, cause=CAUSE)
    assert funding.settle(sequence, cause=CAUSE) is None

    assert gained("NORTH-1") == -9_100_000
    with pytest.raises(FundingDiffers):
        fixed(rate="0.0002")


def test_a_late_trade_is_funded_by_the_difference():
    a_house()
    traded()
    sealed("91000", hours=7)
    timekeeping.advance(after(hours=9), cause=CAUSE)
    sequence = fixed()
    funding.settle(sequence, cause=CAUSE)

    trades.novate(a_trade(trade_id="late", price="91000"), at=after(hours=6), cause=CAUSE)
    settled()  # the next cycle meets the trade, and leaves the job
    run_due_jobs()

    assert gained("NORTH-1") == 10**9 + 2 * -9_100_000
    nothing_is_lost()


def test_funding_is_paid_again_by_the_difference_when_its_price_is_corrected():
    a_house()
    traded()
    wrong = sealed("99000", hours=7).sequence
    timekeeping.advance(after(hours=9), cause=CAUSE)
    funding.settle(fixed(), cause=CAUSE)

    again(corrected(wrong, "91000"))

    assert gained("NORTH-1") == -9_100_000
    nothing_is_lost()


@pytest.mark.parametrize("rate", ["0.000123", "-0.00036", "0"])
def test_an_inverse_position_is_funded_in_coin_and_the_residue_is_the_houses(rate):
    a_house()
    a_third_member()
    gains = Gains(lot=Fraction(10), inverse=True, unit=10**8)
    for number, (buyer, lots) in enumerate((("NORTH-1", 333), ("EAST-1", 71)), start=1):
        quantity = str(10 * lots)
        traded(f"t-{number}", symbol=INVERSE, quantity=quantity, buyer=buyer, price="90000")
        gains.trade(buyer=buyer, seller="SOUTH-1", lots=lots, price=Fraction(90_000))
    sealed("90000", hours=7)
    timekeeping.advance(after(hours=9), cause=CAUSE)

    sequence = fixed(symbol=INVERSE, rate=rate)
    funding.settle(sequence, cause=CAUSE)
    gains.fund(rate=Fraction(rate), price=Fraction(90_000))

    for account in MEMBERS:
        assert abs(gained(account, "BTC") - gains.funded[account]) <= Fraction(1, 2)
    residue = sum(gained(account, "BTC") for account in MEMBERS)
    assert selectors.holdings("ccp-rounding").get("cash:BTC", 0) == -residue
    assert cycles.quiet(0, 0) is None
    nothing_is_lost()


def test_a_rate_without_a_price_in_force_is_refused():
    a_house()
    with pytest.raises(FundingNotValid):
        fixed()
    timekeeping.advance(after(hours=8), cause=CAUSE)

    with pytest.raises(prices.PriceMissing):
        fixed()
    assert fixed(price="90000")
    assert Decimal(selectors.fixing(PERPETUAL, after(hours=8)).price) == 90_000
