"""The same request many times at once is one fact and one answer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from tests.builders import a_house, a_third_member
from tests.doors.callers import a_report, custodian, events, north, venue

MANY = 12


def at_once(send) -> list:
    """What each of many callers got, each on a connection of its own."""

    def sent(number: int):
        try:
            return send(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(MANY) as pool:
        return list(pool.map(sent, range(MANY)))


def test_one_trade_reported_by_many_at_once_is_one_trade(house):
    a_house()
    caller = venue()
    before = events()

    answers = at_once(lambda _: caller.post("/trades", a_report(), key="").json())

    assert len({answer["sequence"] for answer in answers}) == 1
    assert events() == before + 2


def test_one_key_with_different_content_at_once_is_one_deposit(house):
    a_house()
    caller = custodian()
    before = events()

    answers = at_once(
        lambda number: caller.post(
            "/accounts/NORTH-1/deposits", {"asset": "USDC", "amount": str(number + 1)}, key="wire-1"
        )
    )

    assert sorted(answer.status_code for answer in answers) == [201] + [422] * (MANY - 1)
    assert events() == before + 2  # what arrived, and with whom it lies


def test_trades_of_the_same_accounts_at_once_all_go_through(house):
    a_house()
    caller = venue()
    sides = ("NORTH-1", "SOUTH-1", a_third_member())

    answers = at_once(
        lambda number: caller.post(
            "/trades",
            a_report(
                trade_id=f"t-{number}", buyer=sides[number % 3], seller=sides[(number + 1) % 3]
            ),
        )
    )

    assert [answer.status_code for answer in answers] == [201] * MANY
    held = north().get("/accounts/NORTH-1/positions").json()["positions"]
    assert held == []
