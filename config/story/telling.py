"""Driving the story: one step of business time when the jobs of the step before are done.

Between two snapshots the clock stops at every due time, so that a call that falls due at 10:52 is
swept at 10:52 and not six hours later. Members with a reserve pay what they are called for; what
else happens is up to the house.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal

from clearing import selectors as record
from clearing.domain import amounts
from clearing.domain.cause import Cause
from clearing.services import collateral, pricing, reference, sealing, timekeeping
from config.story import seeding
from config.story.cast import Cast
from config.story.feed import Snapshot
from margin import selectors as margin

PATIENCE_SECONDS = 180.0  # of wall time for the jobs of one step


class StoryStuck(RuntimeError):
    """Jobs died or do not finish; says which."""


def begin(cast: Cast, first: Snapshot, *, cause: Cause) -> None:
    """The opening, before any worker runs: it also starts the story's clock, so that no pulse
    can start a live one. Doing it again changes nothing."""
    if record.price_sets().first() is None:
        seeding.set_up(cast, at=first.prices.at, cause=cause)


def tell(cast: Cast, market: Iterable[Snapshot], *, cause: Cause, heard: Callable[[], None]) -> int:
    """Tell the story to its end; return how many snapshots it has. `heard` is called after each step.

    A story told before, whole or in part, is carried on from where its log ends.
    """
    count = 0
    told_up_to = _told_up_to()
    for snapshot in market:
        count += 1
        if told_up_to is not None and snapshot.prices.at < told_up_to:
            continue
        if count == 1:
            begin(cast, snapshot, cause=cause)
            quiesce()
        else:
            _wait_for_due_times(snapshot, cast, cause=cause, heard=heard)
        _seal(snapshot, cause=cause)
        if count == 1:
            quiesce()
            seeding.open_books(cast, snapshot, cause=cause)
        quiesce()
        pay_calls(cast, cause=cause)
        heard()
    return count


def _told_up_to() -> datetime | None:
    latest = record.price_sets().first()
    return latest.at if latest else None


def _seal(snapshot: Snapshot, *, cause: Cause) -> None:
    reference.list_instruments(snapshot.terms, at=timekeeping.now(), cause=cause)
    pricing.seal(snapshot.prices, cause=cause)


def _wait_for_due_times(
    until: Snapshot, cast: Cast, *, cause: Cause, heard: Callable[[], None]
) -> None:
    while True:
        due = margin.next_due()
        if due is None or due >= until.prices.at:
            return
        if timekeeping.reach(due, cause=cause) is None:
            raise StoryStuck(f"a call due at {due} was swept and is still open")
        quiesce()
        pay_calls(cast, cause=cause)
        heard()


def pay_calls(cast: Cast, *, cause: Cause) -> int:
    """Whoever is called and has the money pays, in full and at once; how many did."""
    paid = 0
    asset = cast.document["reporting"]
    digits = record.scale(asset)
    left = {player.account_id: player.reserve for player in cast.players}
    for call in list(margin.open_calls()):
        amount = amounts.shown(call.amount, scale=digits)
        if left.get(call.account, Decimal(0)) - paid_before(call.account, asset) < amount:
            continue
        under = Cause(actor=cause.actor, correlation_id=call.call_id, sequence=call.latest)
        collateral.deposit(
            call.account,
            key=f"pay-{call.call_id}-{call.latest}",
            asset=asset,
            amount=str(amount),
            at=timekeeping.now(),
            cause=under,
        )
        paid += 1
    if paid:
        quiesce()
    return paid


def paid_before(account_id: str, asset: str) -> Decimal:
    """What the account has already paid on calls, from its own stream."""
    digits = record.scale(asset)
    paid = sum(
        it.fact.amount
        for it in record.stream(f"account-{account_id}")
        if it.fact.NAME == "clearing.collateral-deposited.v1"
        and it.fact.deposit_id.startswith("pay-")
    )
    return amounts.shown(paid, scale=digits)


def quiesce() -> None:
    """Until no job is due or under way. Raises StoryStuck."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while record.open_jobs():
        dead = record.dead_jobs().first()
        if dead is not None:
            raise StoryStuck(f"job {dead.kind} {dead.key} is dead: {dead.error}")
        if time.monotonic() > deadline:
            raise StoryStuck(f"{record.open_jobs()} jobs are not done; are workers running?")
        time.sleep(0.01)
    if record.dead_jobs().exists():
        dead = record.dead_jobs().get()
        raise StoryStuck(f"job {dead.kind} {dead.key} is dead: {dead.error}")
    sealing.seal()
