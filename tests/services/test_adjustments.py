"""Contract adjustment in the record: one decision, nothing lost, told twice done once."""

from __future__ import annotations

import csv
import gzip
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal as D

import pytest

from accounts.services import register
from clearing import models, selectors
from clearing.domain import instrument
from clearing.domain.adjustment import NothingToAdjust, SymbolTaken, ratio_of
from clearing.domain.amendment import Codes, StatusNotValid
from clearing.domain.instrument import InstrumentNotTrading, Status
from clearing.services import (
    adjustments,
    allocations,
    busts,
    give_ups,
    listing,
    reference,
    timekeeping,
    trades,
    transfers,
)
from clearing.services.verification import verify
from clearing.store import KeyReused
from tests.builders import CAUSE, a_trade
from tests.feed_rows import DATA, NO_DATA
from tests.listed import STOCK, rows_of, symbol_of
from tests.listed import listing as series

pytestmark = pytest.mark.django_db
real = pytest.mark.skipif(not DATA.is_dir(), reason=NO_DATA)

START = datetime(2014, 6, 6, 14, tzinfo=UTC)
SPLIT = datetime(2014, 6, 9, 13, tzinfo=UTC)
CALL = symbol_of("2014-06-21", D(645), "call")
PUT = symbol_of("2014-06-21", D(645), "put")
FUTURE = "AAPL-20140621"
SEVEN = ratio_of("7:1")
MEMBERS = ("NORTH", "SOUTH", "EAST")


def a_house(*terms):
    timekeeping.advance(START, cause=CAUSE)
    for asset, scale in (("USD", 2), ("AAPL", 0)):
        reference.admit_asset(asset, scale=scale, title=asset, at=START, cause=CAUSE)
    register.open_house(at=START, cause=CAUSE)
    for member in MEMBERS:
        register.admit_member(member, name=member.title(), at=START, cause=CAUSE)
        register.open_account(
            f"{member}-1", member_id=member, kind="client", title=member, at=START, cause=CAUSE
        )
    reference.list_instruments(terms or usual(), at=START, cause=CAUSE)


def usual():
    call, put = (series("2014-06-21", D(645), it) for it in ("call", "put"))
    future = replace(call, symbol=FUTURE, kind="future", strike="", option_type="", lot_size="1")
    return call, put, future


def book(trade_id, symbol, lots, price, buyer="NORTH-1", seller="SOUTH-1", at=START):
    size = selectors.instrument(symbol).lot_size
    trade = a_trade(
        trade_id=trade_id,
        venue="XCBO",
        symbol=symbol,
        quantity=str(lots * size),
        price=str(price),
        buyer=buyer,
        seller=seller,
    )
    return trades.novate(trade, at=at, cause=CAUSE)


def split(action="AAPL-2014-06-09", ratio=SEVEN, at=SPLIT):
    return adjustments.adjust_underlying(
        "AAPL", ratio=ratio, action=action, reason="7 for 1 split", at=at, cause=CAUSE
    )


def held(symbol):
    return {f"{it}-1": selectors.account(f"{it}-1").lots(symbol) for it in MEMBERS}


def everything_adds_up():
    assert all(members + house == 0 for _, members, house in selectors.trial_balance())
    assert verify() == []


def test_every_holder_of_every_series_is_exchanged_in_one_decision():
    a_house()
    book("t-1", CALL, 10, "20.00")
    book("t-2", CALL, 4, "21.00", buyer="EAST-1", seller="NORTH-1")
    book("t-3", FUTURE, 100, "645.00", buyer="SOUTH-1", seller="EAST-1")

    done = split()

    assert (done.new, len(done.series), done.accounts) == (True, 3, 3)
    new = "AAPL-20140621-92.14-C"
    assert held(CALL) == {"NORTH-1": 0, "SOUTH-1": 0, "EAST-1": 0}
    assert held(new) == {"NORTH-1": 42, "SOUTH-1": -70, "EAST-1": 28}
    assert held("AAPL1-20140621") == {"NORTH-1": 0, "SOUTH-1": 700, "EAST-1": -700}
    assert selectors.account("SOUTH-1").cost("AAPL1-20140621") == 64_500_00
    assert selectors.account("SOUTH-1").cost(FUTURE) == 0
    assert selectors.instrument(CALL).status is Status.ADJUSTED
    assert selectors.instrument(CALL).successor == new
    assert selectors.instrument(new).strike == D("92.14")
    everything_adds_up()


def test_no_cash_changes_hands():
    a_house()
    book("t-1", CALL, 10, "20.00")
    before = {it: selectors.account(f"{it}-1").cash("USD") for it in MEMBERS}

    split()

    assert {it: selectors.account(f"{it}-1").cash("USD") for it in MEMBERS} == before


def test_told_twice_it_is_done_once_and_the_new_series_are_not_split_again():
    a_house()
    book("t-1", CALL, 10, "20.00")
    first = split()
    before = selectors.trial_balance()

    again = split()

    assert (again.sequence, again.new) == (first.sequence, False)
    assert selectors.trial_balance() == before
    with pytest.raises(KeyReused):
        split(ratio=ratio_of("2:1"))


def test_a_trade_of_the_old_symbol_is_told_the_new_one():
    a_house()
    book("t-1", CALL, 10, "20.00")
    split()

    with pytest.raises(InstrumentNotTrading) as refused:
        book("t-2", CALL, 1, "20.00", at=SPLIT)

    assert refused.value.facts["trades_as"] == "AAPL-20140621-92.14-C"
    assert book("t-1", CALL, 10, "20.00", at=SPLIT)  # booked before: answered as before
    assert book("t-3", "AAPL-20140621-92.14-C", 1, "3.00", at=SPLIT)


def test_one_contract_alone_may_be_adjusted_under_a_name_of_ones_own():
    a_house()
    book("t-1", CALL, 10, "20.00")

    done = adjustments.adjust_contract(
        CALL,
        ratio=ratio_of("3:2"),
        new_symbol="AAPL2-C",
        action="special",
        reason="rights issue",
        at=SPLIT,
        cause=CAUSE,
    )

    assert [it.new.symbol for it in done.series] == ["AAPL2-C"]
    assert selectors.instrument("AAPL2-C").lot_size == 150
    assert held("AAPL2-C") == {"NORTH-1": 10, "SOUTH-1": -10, "EAST-1": 0}
    assert selectors.instrument(PUT).status is Status.LISTED
    with pytest.raises(StatusNotValid):
        adjustments.adjust_contract(
            CALL, ratio=SEVEN, action="again", reason="x", at=SPLIT, cause=CAUSE
        )


def test_a_name_in_use_refuses_the_whole_and_leaves_nothing():
    a_house(*usual(), series("2014-06-21", D("92.14"), "call"))
    book("t-1", PUT, 10, "20.00")

    with pytest.raises(SymbolTaken) as refused:
        split()

    assert refused.value.facts["symbols"] == "AAPL-20140621-92.14-C"
    assert held(PUT) == {"NORTH-1": 10, "SOUTH-1": -10, "EAST-1": 0}
    assert selectors.instrument(PUT).status is Status.LISTED


def test_codes_that_are_still_true_go_along():
    a_house()
    given = {CALL: Codes(isin="US0378331005", cfi="OCESCS", mic="XCBO")}
    listing.assign_codes(given, at=START, cause=CAUSE)

    split()

    known = selectors.codes()
    assert known["AAPL-20140621-92.14-C"] == Codes(cfi="OCESCS", mic="XCBO")
    assert known[CALL].isin == "US0378331005"


def test_what_has_expired_stays_for_its_price_and_nothing_else_is_there_to_adjust():
    a_house()
    book("t-1", CALL, 10, "20.00")

    with pytest.raises(NothingToAdjust):
        split(at=datetime(2014, 6, 23, tzinfo=UTC))

    assert selectors.expiring(at=datetime(2014, 6, 23, tzinfo=UTC)) == [FUTURE, CALL, PUT]


def test_what_was_adjusted_never_expires_and_what_stands_for_it_does():
    a_house()
    split()

    waiting = selectors.expiring(at=datetime(2014, 6, 23, tzinfo=UTC))

    assert set(waiting) == {"AAPL-20140621-92.14-C", "AAPL-20140621-92.14-P", "AAPL1-20140621"}


# --- the real case --------------------------------------------------------------------------------


def stock_closes():
    """Unadjusted: 645.57 on Friday, 93.70 on Monday."""
    with gzip.open(STOCK, "rt") as file:
        rows = {
            row["date"]: D(row["close"]) for row in csv.DictReader(file) if row["symbol"] == "AAPL"
        }
    return rows["2014-06-06"], rows["2014-06-09"]


@real
def test_positions_are_worth_what_the_market_says_on_both_sides_of_the_real_split():
    """A long call and a short put of one strike are the stock, whatever the strike. So from Friday to
    Monday each such pair, exchanged under the rule, gains what 100 old shares gained, as far as its
    own bids and asks can tell; a strike, lot or factor that were wrong would be off by hundreds of
    dollars a contract. Dividends and early exercise are within the quotes of the nearest expiry."""
    expiry = "2014-06-21"
    friday, monday = rows_of("2014-06-06"), rows_of("2014-06-09")
    strikes = sorted(
        strike
        for at, strike, option_type in friday
        if at == expiry
        and option_type == "call"
        and 560 <= strike <= 730
        and all(friday[expiry, strike, it]["bid_close"] for it in ("call", "put"))
    )
    kinds = ("call", "put")
    a_house(*(series(expiry, strike, it) for strike in strikes for it in kinds))
    for strike in strikes:
        long, short = (symbol_of(expiry, strike, it) for it in kinds)
        call, put = (D(friday[expiry, strike, it]["ask_close"]) for it in kinds)
        book(f"c-{strike}", long, 1, call)
        book(f"p-{strike}", short, 1, put, buyer="SOUTH-1", seller="NORTH-1")

    done = split()

    assert (len(done.series), done.accounts) == (2 * len(strikes), 2)
    everything_adds_up()
    north = selectors.account("NORTH-1")
    lowest, highest = [], []
    for it in done.series:
        if not it.old.is_call:
            continue
        worth = []
        for kind, side in (("call", 1), ("put", -1)):
            old = symbol_of(expiry, it.old.strike, kind)
            new = selectors.instrument(selectors.instrument(old).successor)
            quote = monday[expiry, new.strike, kind]  # every new strike is quoted
            assert north.lots(new.symbol) == side * 7
            worth.append(
                sorted(
                    instrument.value_at_mark(
                        new, lots=north.lots(new.symbol), cost=0, mark=D(quote[price] or 0)
                    )
                    for price in ("bid_close", "ask_close")
                )
            )
        before = [friday[expiry, it.old.strike, kind] for kind in kinds]
        low = 100 * (D(before[0]["bid_close"]) - D(before[1]["ask_close"]))
        high = 100 * (D(before[0]["ask_close"]) - D(before[1]["bid_close"]))
        after = [D(sum(side)) / 100 for side in zip(*worth, strict=True)]
        rounding = it.strike_rounding  # the forward's strike is that much dearer now
        lowest.append(after[0] - high + rounding)
        highest.append(after[1] - low + rounding)

    assert len(lowest) > 20
    assert max(lowest) <= min(highest)  # one gain explains every strike
    before_split, after_split = stock_closes()
    gain = 100 * (7 * after_split - before_split)
    assert max(lowest) <= gain <= min(highest)  # and it is the stock's own


@real
@pytest.mark.soak
def test_the_whole_class_is_adjusted_in_one_decision():
    """Every series that outlives the Friday, one position in each."""
    friday = sorted(rows_of("2014-06-06"))
    alive = [key for key in friday if key[0] > "2014-06-06"]
    a_house(*(series(*key) for key in alive))
    for first in range(0, len(alive), 500):
        some = [
            a_trade(
                trade_id=symbol_of(*key)[-20:],
                venue="XCBO",
                symbol=symbol_of(*key),
                quantity="100",
                price="1.00",
            )
            for key in alive[first : first + 500]
        ]
        trades.novate_all(some, at=START, cause=CAUSE)
    started = time.monotonic()

    done = split()

    print(
        f"{len(done.series)} series, {done.accounts} accounts, {time.monotonic() - started:.1f} s"
    )
    assert len(done.series) == len(alive)
    north = selectors.account("NORTH-1")
    quoted = [key for key, row in rows_of("2014-06-09").items() if row["ask_close"]]
    assert all(north.lots(symbol_of(*key)) == 7 for key in quoted)
    everything_adds_up()


# --- trades that were made before ---------------------------------------------------------------


def totals():
    """Cash and what is carried, and the lots, whatever they are called by now."""
    found = {}
    for member in MEMBERS:
        held = selectors.holdings(f"{member}-1")
        costs = sum(amount for asset, amount in held.items() if asset.startswith("cost:"))
        lots = {asset: n for asset, n in held.items() if asset.startswith("lots:") and n}
        found[member] = (held.get("cash:USD", 0) - costs, lots)
    return found


@pytest.mark.parametrize(("symbol", "ratio"), [(FUTURE, "7:1"), (CALL, "7:1"), (CALL, "3:2")])
def test_a_trade_busted_after_a_split_leaves_nothing_of_its_lots(symbol, ratio):
    a_house(*(it for it in usual() if it.symbol == symbol))
    before = totals()
    book("t-1", symbol, 3, D("650.5") if symbol == FUTURE else D("9.05"))
    split(ratio=ratio_of(ratio))

    busts.bust("XCBO", "t-1", key="b", reason="an error", at=SPLIT, cause=CAUSE)

    assert totals() == before
    (parts,) = selectors.trade_parts(["XCBO:t-1"]).values()
    assert [(part.lots, part.value) for part in parts] == [(0, 0), (0, 0)]
    assert verify() == []


def test_a_bust_after_a_split_finds_lots_that_were_sold_on_given_up_and_split_again():
    a_house()
    before = totals()
    book("t-1", FUTURE, 4, D(640), buyer="EAST-1")
    give_ups.request(
        *("XCBO", "t-1"),
        account_id="EAST-1",
        quantity="3",
        to_member="NORTH",
        key="g",
        at=START,
        cause=CAUSE,
    )
    give_ups.claim(
        "EAST-1:give-up:g",
        member_id="NORTH",
        account_id="NORTH-1",
        key="c",
        at=START,
        cause=CAUSE,
    )
    split()
    split(action="again", ratio=ratio_of("2:1"))

    busts.bust("XCBO", "t-1", key="b", reason="an error", at=SPLIT, cause=CAUSE)

    assert totals() == before
    assert verify() == []


def test_what_waits_in_old_lots_is_ended_and_can_be_asked_for_in_new_ones():
    a_house()
    book("t-1", FUTURE, 4, D(640))
    ask = {"account_id": "NORTH-1", "to_member": "EAST", "cause": CAUSE}
    give_ups.request("XCBO", "t-1", quantity="2", key="g", at=START, **ask)
    offer = {"symbol": FUTURE, "quantity": "1", "to_member": "EAST"}
    transfers.request("NORTH-1", **offer, key="t", at=START, cause=CAUSE)

    split()

    rows = models.Handover.objects.order_by("kind")
    assert [(row.kind, row.status, row.reason) for row in rows] == [
        ("give-up", "cancelled", "the contract was adjusted"),
        ("transfer", "cancelled", "the contract was adjusted"),
    ]
    give_ups.request("XCBO", "t-1", quantity="28", key="g2", at=SPLIT, **ask)
    taken = {"member_id": "EAST", "account_id": "EAST-1", "key": "c", "at": SPLIT, "cause": CAUSE}
    give_ups.claim("NORTH-1:give-up:g2", **taken)
    (new,) = (it for it in selectors.series_of("AAPL") if it.startswith("AAPL1"))
    assert held(new) == {"NORTH-1": 0, "SOUTH-1": -28, "EAST-1": 28}
    assert verify() == []


def test_an_allocation_is_not_taken_back_across_a_split():
    a_house()
    register.open_account(
        "NORTH-2", member_id="NORTH", kind="client", title="", at=START, cause=CAUSE
    )
    book("t-1", FUTURE, 4, D(640))
    allocations.allocate(
        *("XCBO", "t-1"),
        account_id="NORTH-1",
        shares={"NORTH-2": "2"},
        key="a",
        at=START,
        cause=CAUSE,
    )
    split()

    with pytest.raises(InstrumentNotTrading) as refused:
        allocations.cancel(*("XCBO", "t-1"), "NORTH-1:allocation:a", key="x", at=SPLIT, cause=CAUSE)

    assert refused.value.facts["status"] == "adjusted"
