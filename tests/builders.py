"""Valid by default: a test names only what it is about."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clearing.domain import clock
from clearing.domain.cause import Cause
from clearing.domain.events import InstrumentListed
from clearing.domain.policy import Policy
from clearing.domain.prices import PriceSet, Quote
from clearing.domain.trade import Trade

START = datetime(2026, 1, 1, tzinfo=UTC)
EXPIRY = datetime(2026, 1, 30, 8, tzinfo=UTC)
CAUSE = Cause(actor="system:test", correlation_id="test")
PARAMETERS = Path(__file__).parents[1] / "margin" / "methods" / "derive-pmrm2-test.json"
PERPETUAL, FUTURE, SPOT = "BTC-PERP", "BTC-30JAN26", "BTC-USDC"
CALL, PUT = "BTC-30JAN26-100000-C", "BTC-30JAN26-80000-P"
INVERSE = "BTC-PERPETUAL"


def after(**delta: float) -> datetime:
    return START + timedelta(**delta)


def a_trade(**but: Any) -> Trade:
    usual = {
        "trade_id": "t-1",
        "venue": "XDER",
        "symbol": PERPETUAL,
        "quantity": "1",
        "price": "90000",
        "buyer": "NORTH-1",
        "seller": "SOUTH-1",
    }
    return Trade(**(usual | but))


def terms(symbol: str, **but: Any) -> InstrumentListed:
    usual = {
        "symbol": symbol,
        "kind": "perpetual",
        "payoff": "linear",
        "underlying": "BTC",
        "quote": "USDC",
        "settlement": "USDC",
        "lot_size": "0.001",
        "tick_size": "0.5",
        "expiry_at": "",
        "strike": "",
        "option_type": "",
    }
    return InstrumentListed(**(usual | but))


def an_option(symbol: str, *, strike: str, option_type: str, **but: Any) -> InstrumentListed:
    usual = {
        "kind": "option",
        "payoff": "inverse",
        "settlement": "BTC",
        "lot_size": "0.1",
        "tick_size": "0.0001",
        "expiry_at": clock.text(EXPIRY),
        "strike": strike,
        "option_type": option_type,
    }
    return terms(symbol, **(usual | but))


INSTRUMENTS = (
    terms(PERPETUAL),
    terms(INVERSE, payoff="inverse", settlement="BTC", lot_size="10"),
    terms(FUTURE, kind="future", expiry_at=clock.text(EXPIRY)),
    terms(SPOT, kind="spot"),
    an_option(CALL, strike="100000", option_type="call"),
    an_option(PUT, strike="80000", option_type="put"),
)


def a_third_member(account_id: str = "EAST-1") -> str:
    """A client beside the two of the usual house; the backstop trades with the house alone."""
    from accounts.services import register
    from clearing.services import collateral

    member = account_id.partition("-")[0]
    register.admit_member(member, name=member.title(), at=START, cause=CAUSE)
    register.open_account(
        account_id, member_id=member, kind="client", title=member.title(), at=START, cause=CAUSE
    )
    collateral.deposit(
        account_id, key=f"start-{member}", asset="USDC", amount="1000000", at=START, cause=CAUSE
    )
    return account_id


def a_price_set(
    index: str = "90000", *, at: datetime | None = None, quotes: Mapping[str, Quote] | None = None
) -> PriceSet:
    """Every instrument of the usual house, delta-one ones at the index."""
    usual = {symbol: Quote(index) for symbol in (PERPETUAL, INVERSE, FUTURE, SPOT)}
    usual |= {CALL: Quote("0.0123", "0.5"), PUT: Quote("0.0101", "0.55")}
    return PriceSet(
        at=at or after(hours=1),
        source="test",
        simulated=True,
        indices={"BTC": index},
        forwards={f"BTC {clock.text(EXPIRY)}": index},
        quotes={**usual, **(quotes or {})},
    )


def a_house(**funds: str) -> None:
    """Assets, instruments, parameters, and two members with one account each, NORTH-1 and SOUTH-1,
    and the backstop RING-1; a first price set is not sealed. `NORTH="5000"` sets what one starts
    with in USDC."""
    from accounts.services import register
    from clearing.services import collateral, reference, timekeeping
    from margin.services import parameters

    timekeeping.advance(START, cause=CAUSE)
    for asset, scale in (("USDC", 6), ("BTC", 8), ("ETH", 9)):
        reference.admit_asset(asset, scale=scale, title=asset, at=START, cause=CAUSE)
    reference.set_policy(Policy(price_max_age_seconds=86_400), at=START, cause=CAUSE)
    document = json.loads(PARAMETERS.read_text())
    parameters.activate(document, reporting="USDC", at=START, cause=CAUSE)
    register.open_house(at=START, cause=CAUSE)
    reference.list_instruments(INSTRUMENTS, at=START, cause=CAUSE)
    for member, kind in (("NORTH", "client"), ("SOUTH", "client"), ("RING", "backstop")):
        account = f"{member}-1"
        register.admit_member(member, name=member.title(), at=START, cause=CAUSE)
        register.open_account(
            account, member_id=member, kind=kind, title=member.title(), at=START, cause=CAUSE
        )
        amount = funds.get(member, "1000000")
        if amount != "0":
            collateral.deposit(
                account, key=f"start-{member}", asset="USDC", amount=amount, at=START, cause=CAUSE
            )


def run_due_jobs(*, limit: int = 1_000) -> int:
    """What workers would do, in this process and in order, until nothing is due; how many.

    For tests of what follows from what; tests of workers use real ones.
    """
    from importlib import import_module

    from django.db import connection

    tasks = {app: import_module(f"{app}.tasks") for app in ("clearing", "margin", "liquidation")}
    done = 0
    while done < limit:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, kind, not_before FROM clearing_job WHERE state = 'due'"
                " ORDER BY not_before > clock_timestamp(), id LIMIT 1"
            )
            row = cursor.fetchone()
        if row is None:
            return done
        job_id, kind, not_before = row
        time.sleep(max(0.0, (not_before - datetime.now(UTC)).total_seconds()))
        app, _, name = kind.partition(".")
        getattr(tasks[app], name)(job_id=job_id)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT state, attempts, error FROM clearing_job WHERE id = %s", [job_id]
            )
            state, attempts, error = cursor.fetchone()
        waits = state == "due" and attempts == 0  # not yet: something before it is to come
        assert state == "done" or waits, f"{kind} is {state}: {error}"
        done += 1
    raise AssertionError(f"{limit} jobs and still more are due")
