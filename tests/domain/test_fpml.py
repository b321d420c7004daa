"""FpML messages: what is read, what is refused by name, and what no message can do to the reader."""

from __future__ import annotations

import pytest

from clearing.domain import fpml
from clearing.domain.codes import CodeNotValid
from clearing.domain.fpml import FpmlIncomplete, FpmlNotTaken, FpmlNotValid
from tests import fpml_messages as messages
from tests.feed_rows import DATA, NO_DATA
from tests.fpml_messages import a_message, a_trade

real = pytest.mark.skipif(not DATA.is_dir(), reason=NO_DATA)


def refused(text, kind=Exception):
    with pytest.raises(kind) as found:
        fpml.read(text)
    return found.value


# --- the published specimens ----------------------------------------------------------------------


@real
def test_the_specimen_of_a_future_says_everything_a_trade_needs():
    message = fpml.read(messages.FUTURE.read_bytes())

    (it,) = message.executions
    assert (message.kind, message.message_id) == ("executionNotification", "123456")
    assert (it.trade_id, it.trade_date) == ("1234", "2012-07-13")
    assert (it.contracts, it.price) == ("1000", "9575")
    assert (it.buyer, it.seller) == (("Party A",), ("Exchange 123",))
    assert it.product == fpml.Product(
        kind="future",
        ids=("ExampleCUSIP1",),
        currency="USD",
        exchange="XCME",
        expiry="2013-03",
        strike="",
        option_type="",
        size="",
    )


@real
def test_the_specimen_of_a_listed_option_has_no_price_and_says_so():
    refusal = refused(messages.OPTION.read_bytes(), FpmlIncomplete)

    assert (refusal.field, refusal.facts["product"]) == ("pricing", "option")


@real
def test_the_specimen_of_a_european_option_is_read_with_its_premium_for_one():
    (it,) = fpml.read(messages.EUROPEAN.read_bytes()).executions

    assert it.price == "120"  # 300,000 CHF for 2,500 options
    assert it.product == fpml.Product(
        kind="option",
        ids=(".SSMI",),
        currency="CHF",
        exchange="",
        expiry="2004-12-19",
        strike="8700",
        option_type="call",
        size="1.00",
    )


@real
@pytest.mark.parametrize(
    ("path", "field", "facts"),
    [
        (messages.AMERICAN, "equityExercise", {"product": "equityOption", "exercise": "American"}),
        (
            messages.SUPPLEMENT,
            "equityExercise",
            {"product": "equityOptionTransactionSupplement", "exercise": "American"},
        ),
        (messages.PACKAGE, "tradePackage", {"product": "package", "of": "swap swap"}),
    ],
    ids=lambda it: getattr(it, "stem", ""),
)
def test_specimens_of_what_is_not_cleared_are_refused_by_name(path, field, facts):
    refusal = refused(path.read_bytes(), FpmlNotTaken)

    assert (refusal.field, refusal.facts) == (field, facts)


# --- small ones -----------------------------------------------------------------------------------


def test_accounts_go_before_parties():
    buyer = '<buyerPartyReference href="p1"/><buyerAccountReference href="a1"/>'

    (it,) = fpml.read(a_message(a_trade(buyer=buyer))).executions

    assert it.buyer == ("1111", "Party A")
    assert it.seller == ("HWUPKR0MPOU8FGXBT394",)


def test_a_request_for_clearing_is_read_alike():
    asked = fpml.read(a_message(root="requestClearing"))

    assert asked.executions == fpml.read(a_message()).executions


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (a_message(root="requestConsent"), "message"),
        (a_message().replace(b"<isCorrection>false", b"<isCorrection>true"), "isCorrection"),
        (a_message(a_trade(product="bond", terms="")), "instrumentTradeDetails"),
        (
            a_message(a_trade(terms="<exerciseStyle>American</exerciseStyle>", product="option")),
            "exerciseStyle",
        ),
        (a_message("<trade><tradeHeader/><swap/></trade>"), "product"),
    ],
)
def test_other_messages_and_products_are_refused_by_name(text, field):
    assert refused(text, FpmlNotTaken).field == field


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (a_message(a_trade(pricing="")), "pricing"),
        (a_message(a_trade(number="")), "number"),
        (a_message(a_trade("")), "tradeId"),
        (a_message(a_trade("x" * 101)), "tradeId"),
        (a_message(a_trade(buyer="")), "buyerPartyReference"),
        (a_message(a_trade(buyer='<buyerPartyReference href="p9"/>')), "buyerPartyReference"),
        (a_message("<trade/>"), "trade"),
        (a_message("<party/>"), "trade"),
    ],
)
def test_what_a_trade_needs_and_the_message_does_not_say_is_named(text, field):
    assert refused(text, FpmlIncomplete).field == field


def test_the_trade_at_fault_is_told_by_its_place():
    assert refused(a_message(a_trade("1"), a_trade("2", pricing=""))).place == 1


def test_a_partys_lei_is_checked():
    text = a_message().replace(b"HWUPKR0MPOU8FGXBT394", b"HWUPKR0MPOU8FGXBT395")

    refusal = refused(text, CodeNotValid)

    assert (refusal.field, refusal.facts["expected"]) == ("partyId", "94")


LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    '<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"trade_id,symbol",
        b"<trade>",
        a_message()[:-9],
        b"<trade/>",
        a_message(before=LAUGHS),
        a_message(before=OUTSIDE),
        a_message(before='<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">'),
        a_message().replace(b"FpML-5", b"FpML-4"),
        b" " * fpml.MOST_BYTES + a_message(),
        b"\xff\xfe\x00\x00",
        a_message().replace(b"Party A", b"Party \x00"),
        a_message(before="<?xml version='1.0' encoding='unknown-9'?>"),
        a_message(before="<?xml version='1.0' encoding='uu'?>"),
        a_message(before="<?xml version='1.0' encoding='punycode'?>"),
        a_message(before="<?xml version='1.0' encoding='utf-16'?>"),
    ],
    ids=range(16),
)
def test_what_is_no_message_is_refused_and_nothing_outside_it_is_read(text):
    assert refused(text, FpmlNotValid).field == "message"


def test_a_message_of_a_hundred_thousand_levels_is_only_refused():
    deep = a_message("<x>" * 100_000 + "</x>" * 100_000)

    assert refused(deep, (FpmlNotValid, FpmlIncomplete))
