"""manage.py book_fpml: every specimen, whole or not at all, and once."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from accounts.services import register
from clearing import selectors
from clearing.domain import clock
from clearing.domain.amendment import Codes
from clearing.domain.events import InstrumentListed
from clearing.services import listing, reference, timekeeping
from tests import fpml_messages as messages
from tests.builders import CAUSE
from tests.doors.callers import events
from tests.feed_rows import DATA, NO_DATA
from tests.fpml_messages import OPTION_TERMS, PRICING, a_message, a_trade

pytestmark = pytest.mark.django_db
real = pytest.mark.skipif(not DATA.is_dir(), reason=NO_DATA)

START = datetime(2012, 8, 1, 9, tzinfo=UTC)
LATER = datetime(2013, 3, 20, 20, tzinfo=UTC)
PARTIES = (
    *("--party", "Party A=NORTH-1", "--party", "Exchange 123=SOUTH-1"),
    *("--party", "HWUPKR0MPOU8FGXBT394=SOUTH-1", "--party", "Party B=EAST-1"),
)
FUTURE = InstrumentListed(
    symbol="ESH3",
    kind="future",
    payoff="linear",
    underlying="SPX",
    quote="USD",
    settlement="USD",
    lot_size="50",
    tick_size="0.25",
    expiry_at=clock.text(LATER),
    strike="",
    option_type="",
)
CALL = replace(
    FUTURE,
    symbol="SPX-20130320-9350-C",
    kind="option",
    lot_size="100",
    tick_size="0.05",
    strike="9350",
    option_type="call",
)
SMI = replace(
    CALL,
    symbol="SMI-8700-C",
    underlying=".SSMI",
    quote="CHF",
    settlement="CHF",
    lot_size="10",
    tick_size="0.1",
    expiry_at=clock.text(datetime(2013, 12, 19, 16, tzinfo=UTC)),
    strike="8700",
)
TERMS = (FUTURE, CALL, SMI)
CODES = {
    "ESH3": Codes(mic="XCME", venue_code="ExampleCUSIP1", cfi="FFICSX"),
    CALL.symbol: Codes(mic="XCBO", venue_code="ExampleCUSIP1", cfi="OCEICS", contract_size="100"),
}


@pytest.fixture(autouse=True)
def a_house(request):
    start = getattr(request, "param", START)
    timekeeping.advance(start, cause=CAUSE)
    register.open_house(at=start, cause=CAUSE)
    for asset, scale in (("USD", 2), ("CHF", 2), ("SPX", 2), (".SSMI", 2)):
        reference.admit_asset(asset, scale=scale, title=asset, at=start, cause=CAUSE)
    for member in ("NORTH", "SOUTH", "EAST"):
        register.admit_member(member, name=member.title(), at=start, cause=CAUSE)
        register.open_account(
            f"{member}-1", member_id=member, kind="client", title=member, at=start, cause=CAUSE
        )
    reference.list_instruments(TERMS, at=start, cause=CAUSE)
    listing.assign_codes(CODES, at=start, cause=CAUSE)


def book(*paths, options=PARTIES):
    """(exit code, stdout, stderr)"""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("book_fpml", *map(str, paths), *options, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
    return 0, out.getvalue(), err.getvalue()


def written(path, *trades):
    path.write_bytes(a_message(*trades))
    return path


def lots(account, symbol):
    return selectors.account(account).lots(symbol)


@real
def test_the_specimen_of_a_future_is_booked_and_told_twice_booked_once():
    code, out, err = book(messages.FUTURE)
    before = events()
    again = book(messages.FUTURE)

    assert (code, err) == (0, "")
    assert "NORTH-1 bought 50000 ESH3 at 9575 from SOUTH-1, booked" in out
    assert (lots("NORTH-1", "ESH3"), lots("SOUTH-1", "ESH3")) == (1_000, -1_000)
    assert again[0] == 0
    assert "booked before" in again[1]
    assert events() == before


@real
def test_all_six_specimens_are_reported_and_one_is_booked():
    code, out, err = book(*sorted(messages.SPECIMENS.glob("*.xml")))

    assert code == 1
    assert "1 of 6 files booked, 5 refused" in out
    assert [line.split(": ")[0] for line in err.splitlines()[:5]] == [
        "eqd-ex01-american-call-stock-long-form.xml:1 - fpml-not-taken equityExercise",
        "eqd-ex04-european-call-index-long-form.xml:1 - instrument-unknown instrumentId",
        "eqd-ex16-equityOptionTransactionSupplement.xml:1 - fpml-not-taken equityExercise",
        "pkg-ex60-request-clearing.xml - fpml-not-taken tradePackage",
        "sec-ex002-trade-execution-exchange-traded-option.xml:1 - fpml-incomplete pricing",
    ]


@real
def test_the_specimen_of_a_listed_option_is_booked_once_it_has_a_price(tmp_path):
    text = messages.OPTION.read_text()
    path = tmp_path / "priced.xml"
    path.write_text(text.replace("</quantity>", "</quantity>" + PRICING.format(price="12.50")))

    code, out, err = book(path)

    assert (code, err) == (0, "")
    assert (lots("NORTH-1", CALL.symbol), lots("SOUTH-1", CALL.symbol)) == (1_000, -1_000)
    assert selectors.account("NORTH-1").cash("USD") == -1_000 * 100 * 12_50
    assert "@XCBO" in out


@real
def test_a_european_index_option_is_found_by_its_underlying_and_terms(tmp_path):
    path = tmp_path / "smi.xml"
    path.write_text(messages.EUROPEAN.read_text().replace("2004-12-19", "2013-12-19"))

    code, out, err = book(path)

    assert (code, err) == (0, "")
    assert "EAST-1 bought 2500 SMI-8700-C at 120 from NORTH-1" in out
    assert (lots("EAST-1", SMI.symbol), lots("NORTH-1", SMI.symbol)) == (250, -250)
    assert "@XXXX" in out


def test_a_file_is_booked_whole_or_not_at_all(tmp_path):
    before = events()

    code, _, err = book(
        written(
            tmp_path / "two.xml", a_trade("1"), a_trade("2", pricing=PRICING.format(price="1.1"))
        )
    )

    assert code == 1
    assert "two.xml:2 - price-off-tick price" in err
    assert events() == before


def test_one_refused_file_does_not_stop_the_next(tmp_path):
    wrong = written(tmp_path / "a.xml", a_trade(code="NOSUCH"))
    right = written(tmp_path / "b.xml", a_trade("2"))

    code, out, _ = book(wrong, right, tmp_path / "c.xml")

    assert code == 1
    assert lots("NORTH-1", "ESH3") == 10
    assert "1 of 3 files booked, 2 refused" in out


@pytest.mark.parametrize(
    ("trade", "said"),
    [
        ({"code": "NOSUCH"}, "instrument-unknown instrumentId"),
        ({"exchange": "XEUR"}, "description-differs exchangeId"),
        ({"terms": "<contractYearMonth>2013-06</contractYearMonth>"}, "description-differs expir"),
        ({"terms": "<maturity>2013-03-21</maturity>"}, "description-differs expirationDate"),
        ({"product": "option", "terms": OPTION_TERMS}, "description-differs product"),
        (
            {
                "product": "option",
                "code": CALL.symbol,
                "exchange": "XCBO",
                "terms": OPTION_TERMS.replace("9350", "9351"),
            },
            "description-differs strike",
        ),
        (
            {
                "product": "option",
                "code": CALL.symbol,
                "exchange": "XCBO",
                "terms": OPTION_TERMS.replace("<multiplier>100", "<multiplier>10"),
            },
            "description-differs multiplier",
        ),
        ({"number": "ten"}, "not-a-number number"),
        ({"number": "0"}, "lots-out-of-range quantity"),
        ({"number": "0.5"}, "quantity-off-lot quantity"),
    ],
)
def test_what_does_not_agree_with_what_is_listed_is_refused(tmp_path, trade, said):
    before = events()

    code, _, err = book(written(tmp_path / "x.xml", a_trade(**trade)))

    assert code == 1
    assert said in err
    assert events() == before


def test_every_party_needs_an_account(tmp_path):
    path = written(tmp_path / "x.xml")

    assert "party-unknown buyerPartyReference" in book(path, options=())[2]
    unopened = ("--party", "Party A=NOBODY-1", "--party", "HWUPKR0MPOU8FGXBT394=SOUTH-1")
    assert "account-not-open buyer" in book(path, options=unopened)[2]
    twice = ("--party", "Party A=NORTH-1", "--party", "Party A=SOUTH-1")
    assert "party-not-valid party" in book(path, options=twice)[2]


def test_parties_may_come_from_a_file(tmp_path):
    who = tmp_path / "who.csv"
    who.write_text("party,account\nParty A,NORTH-1\nHWUPKR0MPOU8FGXBT394,SOUTH-1\n")

    code, _, _ = book(written(tmp_path / "x.xml"), options=("--parties", str(who)))

    assert code == 0
    assert lots("NORTH-1", "ESH3") == 10


def test_a_venue_reports_only_its_own(tmp_path):
    path = written(tmp_path / "x.xml")

    assert "description-differs exchangeId" in book(path, options=(*PARTIES, "--venue", "XEUR"))[2]
    assert book(path, options=(*PARTIES, "--venue", "XCME"))[0] == 0


@pytest.mark.parametrize("a_house", [datetime(2012, 7, 12, tzinfo=UTC)], indirect=True)
def test_a_trade_of_tomorrow_is_not_taken(tmp_path):
    assert "fpml-not-taken tradeDate" in book(written(tmp_path / "x.xml"))[2]
