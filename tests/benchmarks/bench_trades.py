"""Trades registered end to end, beside plain Django models writing the same rows.

    python -m tests.benchmarks.bench_trades [--trades 60] [--writers 4] [--rounds 5]

One PostgreSQL with fsync on; writers are processes with two accounts each, and take turns with the
peer within each round. For one trade both sides write two events, eight entries, what the two
accounts then hold and where they stand, two jobs and the key, in one transaction, under the lock of
both streams. Ours decides on it first (terms, standing, holdings, band); the peer is told the facts.

Waking workers over the broker is no row; it is left to the relay, and measured in a line of its own.
The last line is the busiest account: writers that all trade between the same two accounts, in both
directions; it fails if one of them is refused or the server counts a deadlock.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from tests.benchmarks import durable
from tests.benchmarks.report import Row, median_rate, show

_rounds = itertools.count()


def main(argv: Sequence[str] | None = None) -> list[Row]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trades", type=int, default=60, help="of each writer in each round")
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(argv)
    with durable.house() as url:
        return _measured(url, asked)


def _measured(url: str, asked: Any) -> list[Row]:
    from clearing import jobs
    from tests.builders import a_house, a_third_member

    a_house()
    for number in range(asked.writers):
        for side in ("BUYER", "SELLER"):
            a_third_member(f"{side}{number}-1")
    usual = jobs.MOST_POKED
    rates: dict[str, list[float]] = {"ours": [], "woken": [], "peer": [], "busiest": []}
    for _ in range(asked.rounds):
        for name, work, poked, writers in (
            ("ours", _ours, 0, asked.writers),
            ("peer", _peer, 0, asked.writers),
            ("woken", _ours, usual, asked.writers),
            ("busiest", _busiest, 0, 8),
        ):
            jobs.MOST_POKED = poked
            count = 20 if name == "busiest" else asked.trades
            rates[name].append(durable.rate(writers, count, partial(work, next(_rounds))))
    jobs.MOST_POKED = usual
    _check_nobody_met(url)
    ours, woken, peer, busiest = (median_rate(them) for them in rates.values())
    work = f"trade end to end, {asked.writers} writers"
    orm = "Django ORM, the same rows"
    return [
        Row(work, ours, orm, peer, ours / peer, 2.0),
        Row(f"{work}, workers woken", woken, orm, peer, woken / peer, 0),
        Row("busiest account, 8 writers", busiest, "2 accounts; no deadlock", busiest, 1.0, 0),
    ]


def _trade(number: int, writer: int, each: int, *, buyer: str, seller: str) -> Any:
    from tests.builders import a_trade

    pair = (buyer, seller) if each % 2 else (seller, buyer)
    return a_trade(
        trade_id=f"{number}-{writer}-{each}", quantity="0.01", buyer=pair[0], seller=pair[1]
    )


def _ours(number: int, writer: int, count: int) -> None:
    from clearing.services import trades
    from tests.builders import CAUSE, START

    names = {"buyer": f"BUYER{writer}-1", "seller": f"SELLER{writer}-1"}
    for each in range(-1 if not count else 0, count):
        trades.novate(_trade(number, writer, each, **names), at=START, cause=CAUSE)


def _busiest(number: int, writer: int, count: int) -> None:
    """A refusal ends the writer, and with it the comparison."""
    from clearing.services import trades
    from tests.builders import CAUSE, START

    for each in range(count):
        it = _trade(number, writer, each, buyer="NORTH-1", seller="SOUTH-1")
        trades.novate(it, at=START, cause=CAUSE)


def _check_nobody_met(url: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as there:
        there.execute("SELECT pg_stat_force_next_flush()")
        (deadlocks,) = there.execute(
            "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
    assert not deadlocks, f"{deadlocks} deadlocks"


# --- the peer ---------------------------------------------------------------------------------


def _peer(number: int, writer: int, count: int) -> None:
    """As the owner, since the application may not write these tables itself."""
    from django.db import connection, transaction

    if not count:
        connection.close()
        connection.settings_dict["OPTIONS"].pop("assume_role", None)
    names = {"buyer": f"BUYER{writer}-1", "seller": f"SELLER{writer}-1"}
    for each in range(-1 if not count else 0, count):
        with transaction.atomic():
            _written(_trade(number, writer, each, **names))


def _written(trade: Any) -> None:
    import hashlib
    import json
    from datetime import UTC, datetime

    from clearing import models
    from tests.builders import CAUSE

    now = datetime.now(UTC)
    names = sorted([trade.buyer, trade.seller])
    streams = models.Stream.objects.select_for_update().order_by("name")
    heads = {it.name: it for it in streams.filter(name__in=[f"account-{it}" for it in names])}
    events = []
    for account_id in names:
        event = _leg(trade, account_id, heads[f"account-{account_id}"], now)
        models.AccountState.objects.filter(account=account_id).update(
            version=event.version, sequence=event.sequence
        )
        models.Job.objects.create(
            kind="margin.remargin_account",
            key=str(event.sequence),
            address={"account": account_id, "sequence": event.sequence},
            not_before=now,
            left_at=now,
        )
        events.append(event)
    models.Command.objects.create(
        scope=f"venue:{trade.venue}",
        key=trade.trade_id,
        request_hash=hashlib.sha256(json.dumps(asdict(trade)).encode()).digest(),
        first=events[0].sequence,
        sequence=events[1].sequence,
        recorded_at=now,
    )
    assert CAUSE.actor == events[0].actor


def _leg(trade: Any, account_id: str, head: Any, now: Any) -> Any:
    from django.db.models import F

    from clearing import codec, models, store
    from clearing.domain import entries
    from clearing.domain.events import TradeNovated
    from tests.builders import CAUSE, START

    sign = 1 if account_id == trade.buyer else -1
    fact = TradeNovated(
        account_id=account_id,
        trade_id=trade.trade_id,
        venue=trade.venue,
        symbol=trade.symbol,
        lots=10 * sign,
        price_ticks=180_000,
        settlement="USDC",
        cash=sign,
        cost=900_000_000 * sign,
        underlying="",
        delivered=0,
    )
    columns = {
        "stream": head.name,
        "version": head.version + 1,
        "name": fact.NAME,
        "effective_at": START,
        "recorded_at": now,
        "payload": codec.encode(fact),
    }
    digest = store.event_hash(previous=bytes(head.head), cause=CAUSE, **columns)
    event = models.Event.objects.create(
        **columns, actor=CAUSE.actor, correlation_id=CAUSE.correlation_id, hash=digest
    )
    head.version, head.head = event.version, digest
    head.save(update_fields=["version", "head"])
    effects = entries.effects(fact)
    models.Entry.objects.bulk_create(
        [models.Entry(sequence=event.sequence, **it._asdict()) for it in effects]
    )
    for it in effects:
        if it.account == account_id:
            held, _ = models.Holding.objects.get_or_create(
                account=account_id, asset=it.asset, defaults={"amount": 0}
            )
            models.Holding.objects.filter(pk=held.pk).update(amount=F("amount") + it.amount)
    models.Holding.objects.filter(account=account_id, amount=0).delete()
    return event


if __name__ == "__main__":
    show(main())
