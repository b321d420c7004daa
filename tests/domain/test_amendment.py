"""Terms that may change while positions are open, and those that may not."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal as D

import pytest

from clearing.domain import amendment, instrument
from clearing.domain.account import novate
from clearing.domain.amendment import (
    AMENDABLE,
    FIXED,
    Codes,
    StatusNotValid,
    StillHeld,
    TermsFixed,
    assign,
)
from clearing.domain.codes import CodeNotValid
from clearing.domain.events import InstrumentListed
from clearing.domain.instrument import (
    InstrumentNotTrading,
    PriceOffTick,
    PriceOutsideLimits,
    Status,
    TermsNotValid,
)
from clearing.domain.trade import HOUSE_VENUE
from tests.domain.instruments import CALL, FUTURE, PERPETUAL, a_leg
from tests.domain.test_account import OPENED, replay


def amend(changes, it=PERPETUAL):
    return amendment.amend(it, changes, reason="wider step")


def test_what_bounds_new_trades_may_change():
    fact = amend({"price_step": "5", "lowest_price": "1000", "highest_price": "200000"})

    assert (fact.price_step, fact.lowest_price, fact.highest_price) == ("5", "1000", "200000")


def test_an_amendment_keeps_what_it_does_not_name():
    it = replace(PERPETUAL, price_step=D(5), lowest_price=D(1000))

    fact = amend({"lowest_price": ""}, it)

    assert (fact.price_step, fact.lowest_price, fact.highest_price) == ("5", "", "")


def test_what_is_so_already_is_no_amendment():
    assert amend({"price_step": "5.0"}, replace(PERPETUAL, price_step=D(5))) is None


@pytest.mark.parametrize("name", FIXED)
def test_what_positions_mean_never_changes_in_place(name):
    with pytest.raises(TermsFixed) as refused:
        amend({name: "1"})

    assert refused.value.field == name


def test_every_term_is_either_fixed_or_amendable():
    assert {it.name for it in fields(InstrumentListed)} == set(FIXED)
    assert not set(FIXED) & set(AMENDABLE)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"price_step": "0.3"}, "price_step"),
        ({"price_step": "0"}, "price_step"),
        ({"price_step": "-1"}, "price_step"),
        ({"lowest_price": "0.1"}, "lowest_price"),
        ({"highest_price": "-5"}, "highest_price"),
        ({"lowest_price": "10", "highest_price": "5"}, "highest_price"),
        ({"colour": "blue"}, "colour"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(changes, field):
    with pytest.raises(TermsNotValid) as refused:
        amend(changes)

    assert refused.value.field == field


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.ADJUSTED, Status.DELISTED])
def test_what_trades_no_more_is_not_amended(status):
    with pytest.raises(StatusNotValid):
        amend({"price_step": "5"}, replace(PERPETUAL, status=status))


# --- what the bounds do ---------------------------------------------------------------------------

BOUNDED = replace(PERPETUAL, price_step=D(5), lowest_price=D(1000), highest_price=D(200_000))


@pytest.mark.parametrize(
    ("price", "refusal"),
    [
        ("90000.5", PriceOffTick),
        ("90001", PriceOffTick),
        ("995", PriceOutsideLimits),
        ("200005", PriceOutsideLimits),
    ],
)
def test_a_new_trade_keeps_to_the_bounds(price, refusal):
    leg = a_leg(price_ticks=int(D(price) / BOUNDED.tick_size))

    with pytest.raises(refusal) as refused:
        novate(replay([OPENED]), leg, BOUNDED)

    assert refused.value.field == "price"


def test_prices_on_the_bounds_trade_and_the_house_closes_at_any():
    for price in ("1000", "200000", "90005"):
        assert novate(replay([OPENED]), a_leg(price_ticks=int(D(price) * 2)), BOUNDED)
    assert novate(replay([OPENED]), a_leg(price_ticks=3, venue=HOUSE_VENUE), BOUNDED)


def test_an_adjusted_contract_names_the_one_that_stands_for_it():
    gone = replace(FUTURE, status=Status.ADJUSTED, successor="BTC1-FUT")

    with pytest.raises(InstrumentNotTrading) as refused:
        instrument.check_trading(gone, at=FUTURE.expiry_at)

    assert refused.value.facts["trades_as"] == "BTC1-FUT"


# --- delisting ------------------------------------------------------------------------------------


def test_only_what_nobody_holds_is_delisted():
    fact = amendment.delist(FUTURE, holders=0, reason="no interest")

    assert fact.symbol == FUTURE.symbol
    with pytest.raises(StillHeld):
        amendment.delist(FUTURE, holders=2, reason="no interest")


def test_delisting_twice_changes_nothing_and_what_expired_stays_expired():
    assert amendment.delist(replace(FUTURE, status=Status.DELISTED), holders=0, reason="") is None
    with pytest.raises(StatusNotValid):
        amendment.delist(replace(FUTURE, status=Status.EXPIRED), holders=0, reason="x")


# --- codes ----------------------------------------------------------------------------------------


def test_codes_are_assigned_whole_and_once():
    given = Codes(cfi="OCECCS", mic="XDER", dti="4H95J0R2X", contract_size="1")

    fact = assign(CALL, given, known=Codes())

    assert (fact.cfi, fact.mic, fact.dti, fact.contract_size) == (
        "OCECCS",
        "XDER",
        "4H95J0R2X",
        "1",
    )
    assert assign(CALL, given, known=given) is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"isin": "US0378331006"}, "isin"),
        ({"cfi": "OPECCS"}, "cfi"),
        ({"mic": "XDERX"}, "mic"),
        ({"dti": "4H95J0R2T"}, "dti"),
        ({"upi": "QZRBG6ZTKS43"}, "upi"),
        ({"venue_code": "BTC\nC"}, "venue_code"),
        ({"contract_size": "0.15"}, "contract_size"),
        ({"contract_size": "0"}, "contract_size"),
    ],
)
def test_a_wrong_code_is_refused_by_its_name(given, field):
    with pytest.raises((CodeNotValid, TermsNotValid)) as refused:
        assign(CALL, Codes(**given), known=Codes())

    assert refused.value.field == field


def test_a_contract_is_a_lot_unless_its_venue_counts_otherwise():
    assert amendment.contract_size(CALL, Codes()) == D("0.1")
    assert amendment.contract_size(CALL, Codes(contract_size="1")) == 1
