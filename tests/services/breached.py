"""Accounts that are short, up to where liquidation begins, and what came of their case."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

from clearing import selectors as record
from clearing.domain import entries
from clearing.domain.policy import Policy
from clearing.domain.prices import Quote
from clearing.services import collateral, pricing, reference, timekeeping, trades
from liquidation import models
from liquidation import selectors as liquidation
from liquidation.services import cases
from margin import selectors as margin
from tests.builders import CAUSE, PERPETUAL, a_house, a_price_set, a_trade, after

NORTH, RING = "NORTH-1", "RING-1"


# --- arranging --------------------------------------------------------------------------------


def an_account(funds: str = "20000") -> None:
    a_house(NORTH=funds)
    policy = Policy(price_max_age_seconds=86_400, margin_period_seconds=30 * 86_400)
    reference.set_policy(policy, at=timekeeping.now(), cause=CAUSE)
    seal("90000", at=after(hours=1))


def seal(index: str, *, at=None, **quotes: Quote) -> None:
    at = at or timekeeping.now() + timedelta(hours=3)
    pricing.seal(a_price_set(index, at=at, quotes=quotes), cause=CAUSE)


def trade(trade_id: str, **but: str) -> None:
    trades.novate(a_trade(trade_id=trade_id, **but), at=timekeeping.now(), cause=CAUSE)


def pay(amount: str) -> None:
    collateral.deposit(
        NORTH, key=f"pay-{amount}", asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
    )


def up_to_liquidation() -> None:
    """What workers would do, but for the liquidation's own steps."""
    while True:
        due = record.jobs().filter(state="due").exclude(kind__startswith="liquidation.")
        job = due.order_by("id").first()
        if job is None:
            return
        app, _, name = job.kind.partition(".")
        getattr(import_module(f"{app}.tasks"), name)(job_id=job.id)
        job.refresh_from_db()
        assert job.state == "done", job.error


def a_breached_account(index: str = "79000", **but: str) -> None:
    """NORTH-1 is long one bitcoin from 90,000 with 20,000 behind it, and prices fell at a stroke."""
    an_account(**but)
    trade("t-1")
    up_to_liquidation()
    seal(index)
    up_to_liquidation()
    assert [call.state for call in margin.calls()] == ["breached"]


def open_case() -> int | None:
    """As the job does that the breach left."""
    (breach,) = [it.sequence for it in record.stream(f"call-{NORTH}") if is_breach(it.fact)]
    return cases.open_case(breach, cause=CAUSE)


def is_breach(fact) -> bool:
    return fact.NAME == "margin.call-breached.v1"


def walk(steps: int = 1) -> None:
    for _ in range(steps):
        assert cases.walk(NORTH, cause=CAUSE) is not None


def a_planned_case() -> None:
    a_breached_account()
    open_case()
    walk(2)
    assert the_case().state == "planned"


# --- asking -----------------------------------------------------------------------------------


def the_case() -> models.Case:
    (case,) = liquidation.cases()
    return case


def told() -> list:
    return [it.fact for it in record.stream(f"case-{NORTH}")]


def names() -> list[str]:
    return [fact.NAME.split(".")[1] for fact in told()]


def plans() -> list:
    return [fact for fact in told() if fact.NAME == "liquidation.plan-made.v1"]


def lots(account: str, symbol: str = PERPETUAL) -> int:
    return record.account(account).lots(symbol)


def insurance() -> int:
    return record.holdings(entries.INSURANCE).get("cash:USDC", 0)
