"""A long log in little time: rows by COPY as the owner, with the hashes that the store would write."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from clearing import codec, store
from clearing.domain import entries
from clearing.domain.cause import Cause
from clearing.domain.events import AccountOpened, TradeNovated

START = datetime(2026, 1, 1, tzinfo=UTC)
CAUSE = Cause(actor="system:filling", correlation_id="filling")


def facts(
    accounts: int, trades: int, *, long: int = 0, symbols: int = 20, seed: int = 1
) -> Iterator[Any]:
    """Accounts, then trades of random ones; every trade moves lots, cost and some a realised gain.

    The first account has `long` more of its own, evenly among the others.
    """
    draw = random.Random(seed)
    for number in range(accounts):
        yield AccountOpened(account_id=f"A-{number}", member_id="M", kind="client", title="A")
    for number in range(trades + long):
        its_own = number * long // (trades + long) != (number + 1) * long // (trades + long)
        lots = draw.randint(1, 50) * draw.choice((-1, 1))
        yield TradeNovated(
            account_id="A-0" if its_own else f"A-{draw.randrange(1, accounts)}",
            trade_id=f"t-{number}",
            venue="XDER",
            symbol=f"BTC-{draw.randrange(symbols)}",
            lots=lots,
            price_ticks=180_000,
            settlement="USDC",
            cash=draw.choice((0, 0, draw.randint(-(10**9), 10**9))),
            cost=lots * 90_000_000,
            underlying="",
            delivered=0,
        )


def fill(owner: Any, accounts: int, trades: int, *, long: int = 0, symbols: int = 20) -> int:
    """Write them on an owner's psycopg connection, not committed; return how many facts there are.

    The log must be empty. Entries go with them; `manage.py rebuild_projections` writes the rest.
    """
    heads: dict[str, tuple[int, bytes]] = {}
    rows: list[tuple[Any, ...]] = []
    moved: list[tuple[Any, ...]] = []
    every = facts(accounts, trades, long=long, symbols=symbols)
    for sequence, fact in enumerate(every, start=1):
        stream = f"account-{fact.account_id}"
        version, head = heads.get(stream, (0, store.GENESIS))
        at, payload = START + timedelta(milliseconds=sequence), codec.encode(fact)
        digest = store.event_hash(
            previous=head,
            stream=stream,
            version=version + 1,
            name=fact.NAME,
            effective_at=at,
            recorded_at=at,
            cause=CAUSE,
            payload=payload,
        )
        heads[stream] = (version + 1, digest)
        rows.append(
            (
                *(sequence, stream, version + 1, fact.NAME, at, at),
                *(CAUSE.actor, CAUSE.correlation_id, None, payload, digest),
            )
        )
        moved += [(sequence, it.account, it.asset, it.amount) for it in entries.effects(fact)]
    _copy(owner, _EVENT, rows)
    _copy(owner, _ENTRY, moved)
    _copy(owner, _STREAM, [(name, *head) for name, head in heads.items()])
    owner.execute("SELECT setval('clearing_event_sequence_seq', %s)", [len(rows)])
    return len(rows)


def _copy(owner: Any, statement: str, rows: list[tuple[Any, ...]]) -> None:
    with owner.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


_EVENT = """
    COPY clearing_event (sequence, stream, version, name, effective_at, recorded_at, actor,
                         correlation_id, cause, payload, hash) FROM STDIN
"""
_ENTRY = "COPY clearing_entry (sequence, account, asset, amount) FROM STDIN"
_STREAM = "COPY clearing_stream (name, version, head) FROM STDIN"
