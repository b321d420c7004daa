"""The database is restored to a moment ago, and the bank and the venue are ahead of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from clearing import models, selectors
from clearing.domain import reconciliation
from clearing.domain.reconciliation import CUSTODIAN, VENUE
from clearing.services import (
    collateral,
    pricing,
    reconciliations,
    releases,
    timekeeping,
    trades,
    verification,
)
from clearing.services.reconciliations import Statement
from clearing.services.releases import CertificateRefused, ReleasesAreHalted
from tests.builders import CAUSE, START, a_house, a_price_set, a_trade, after, run_due_jobs
from tests.conftest import ROLE, _administer, _use

BANK, FIVE_MINUTES = "CUSTODY-BANK", after(minutes=5)
HEADER = "line,source_sequence,reference,at,account,asset,amount,price,buyer,seller\n"


@pytest.fixture
def backup(house) -> Iterator[str]:
    """The name a copy of the house may be kept under."""
    name = f"{house.name}_backup"
    yield name
    connection.close()
    _administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def copy(house: str, backup: str) -> None:
    connection.close()
    _administer(f'CREATE DATABASE "{backup}" TEMPLATE "{house}"')


def deposit(key: str, amount: str) -> None:
    collateral.deposit(
        "NORTH-1",
        key=key,
        asset="USDC",
        amount=amount,
        holder=f"custodian:{BANK}",
        at=timekeeping.now(),
        cause=CAUSE,
    )


def withdraw(key: str) -> None:
    collateral.request_withdrawal(
        "NORTH-1", key=key, asset="USDC", amount="20", at=timekeeping.now(), cause=CAUSE
    )
    run_due_jobs()


def statement(body: str, *, holder: str, kind: str) -> Statement:
    text = HEADER + body
    lines = reconciliation.read(text, kind=kind)
    return Statement(holder=holder, kind=kind, at=FIVE_MINUTES, body=text, lines=lines)


def run(it: Statement) -> models.Reconciliation:
    sequence = reconciliations.reconcile(it, at=timekeeping.now(), cause=CAUSE)
    return models.Reconciliation.objects.get(sequence=sequence)


def books() -> dict[str, dict[str, int]]:
    return {row.account_id: selectors.holdings(row.account_id) for row in selectors.account_rows()}


def test_what_was_lost_is_found_by_its_holders_numbers_and_nothing_leaves_before(house, backup):
    a_house()
    pricing.seal(a_price_set(at=START), cause=CAUSE)
    deposit("wire-1", "100")
    run_due_jobs()
    copy(house.name, backup)

    # five minutes in which the outside hears of things, and then the database is lost
    timekeeping.advance(FIVE_MINUTES, cause=CAUSE)
    deposit("wire-2", "50")
    trades.novate(a_trade(trade_id="t-9"), at=timekeeping.now(), cause=CAUSE)
    withdraw("out-1")
    before = books()
    bank = statement(
        "balance,,,,,USDC,130,,,\n"
        "deposit,1,wire-1,,NORTH-1,USDC,100,,,\n"
        "deposit,2,wire-2,2026-01-01T00:05:00Z,NORTH-1,USDC,50,,,\n"
        "withdrawal,3,NORTH-1:out-1,2026-01-01T00:05:00Z,NORTH-1,USDC,20,,,\n",
        holder=BANK,
        kind=CUSTODIAN,
    )
    venue = statement(
        "position,,,,NORTH-1,BTC-PERP,1,,,\nposition,,,,SOUTH-1,BTC-PERP,-1,,,\n"
        "trade,41,t-9,2026-01-01T00:05:00Z,,BTC-PERP,1,90000,NORTH-1,SOUTH-1\n",
        holder="XDER",
        kind=VENUE,
    )
    _use(backup, role=ROLE)
    timekeeping.advance(FIVE_MINUTES, cause=CAUSE)
    assert books() != before

    # restored: nothing leaves until somebody has looked
    releases.halt("USDC", reason="restored", at=timekeeping.now(), cause=CAUSE)
    with pytest.raises(ReleasesAreHalted):
        withdraw("out-2")
    assert (run(bank).missing, run(venue).missing) == (2, 1)
    assert selectors.standing_breaks().filter(status="open").count() == 3
    with pytest.raises(CertificateRefused):
        releases.certify("USDC", reason="hope", at=timekeeping.now(), cause=CAUSE)

    # the outside is believed, its movements recorded, and its statements held against the book
    for it, lost in ((bank, 2), (venue, 1)):
        found = reconciliations.recover(it, at=timekeeping.now(), cause=CAUSE)
        assert (len(found.recorded), found.refused) == (lost, {})
    run_due_jobs()
    assert [(run(it).breaks, run(it).missing) for it in (bank, venue)] == [(0, 0)] * 2
    assert books() == before
    with pytest.raises(ReleasesAreHalted):
        withdraw("out-2")

    # only then the certificate
    releases.certify("USDC", reason="bank and venue agree", at=timekeeping.now(), cause=CAUSE)
    withdraw("out-2")
    assert selectors.withdrawal("NORTH-1:out-2").status == "settled"

    # and whoever tells of it after all is told that it is known
    facts = models.Event.objects.count()
    deposit("wire-2", "50")
    trades.novate(a_trade(trade_id="t-9"), at=timekeeping.now(), cause=CAUSE)
    assert models.Event.objects.count() == facts
    assert verification.verify() == []
