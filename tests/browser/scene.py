"""The scene both the desk's and the browser's tests look at: somebody was called and closed."""

from __future__ import annotations

from tests import builders
from tests.builders import CALL, CAUSE, PUT, a_house, a_price_set, a_trade, run_due_jobs

OFFICER, PASSWORD = "vera", "seven-quiet-otters"


def an_officer(login: str = OFFICER, *, role: str = "risk-officer") -> None:
    from accounts.services import people

    people.create_user(login, password=PASSWORD)
    if role:
        people.grant_role(login, role=role, at=builders.START, cause=CAUSE)


def seal(index: str, *, minutes: int) -> None:
    """A price set a few minutes into the story, and whatever follows from it."""
    from clearing.services import pricing

    pricing.seal(a_price_set(index, at=builders.after(hours=1, minutes=minutes)), cause=CAUSE)
    run_due_jobs()


def a_portfolio() -> None:
    """NORTH-1 long three BTC by perpetual and options, with just enough to hold them."""
    from clearing.services import timekeeping, trades

    a_house(NORTH="60000")
    seal("90000", minutes=0)
    reported = [
        a_trade(quantity="3"),
        a_trade(trade_id="t-2", symbol=CALL, quantity="1", price="0.0123"),
        a_trade(
            trade_id="t-3",
            symbol=PUT,
            quantity="1",
            price="0.0101",
            buyer="SOUTH-1",
            seller="NORTH-1",
        ),
    ]
    trades.novate_all(reported, at=timekeeping.now(), cause=CAUSE)
    run_due_jobs()


def a_short_account() -> None:
    """Called, below maintenance, and its call not yet due."""
    a_portfolio()
    for minutes, index in ((5, "89000"), (10, "88000"), (15, "86500")):
        seal(index, minutes=minutes)


def a_closed_account() -> None:
    """Called, breached because it fell too deep, and closed as far as needed."""
    a_short_account()
    seal("82500", minutes=20)


def logged_in(client, *, role="risk-officer", login=OFFICER):
    """The test client, as somebody with the role."""
    an_officer(login, role=role)
    assert client.login(username=login, password=PASSWORD)
    return client


def count_events():
    from clearing import models

    return models.Event.objects.count()


def events_of(stream):
    from clearing import selectors

    return list(selectors.stream(stream))


def kill_a_job():
    from django.db import connection

    from clearing.services import jobs

    job = jobs.leave("clearing.seal", key="dies", address={})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE clearing_job SET state = 'dead' WHERE id = %s", [job])
    return job
