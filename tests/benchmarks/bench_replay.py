"""Reading the log beside its peers, on one embedded PostgreSQL with fsync on.

    python -m tests.benchmarks.bench_replay --facts 100000

Replay of the whole house (sealed columns, digest-checked, folded to exact balances of all accounts)
beside pyeventsourcing's and beside COPY BINARY of the same movements as fixed-width rows into NumPy;
the state of one account; verification beside SHA-256 of the same bytes; and how far the sealer is
behind four writers. Medians of the rounds; peers and ours take turns, so that noise meets both.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import statistics
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.benchmarks.report import Row, show
from tests.benchmarks.standing import a_standing_house

ONE = "A-0"  # the account with a long stream of its own


def clocked(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def in_turns(rounds: int, *works: Callable[[], Any]) -> list[float]:
    """The median seconds of each, measured in turns."""
    times = [[clocked(work) for work in works] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def per_second(count: float) -> str:
    return f"{count:,.0f}/s"


# --- the peers ---------------------------------------------------------------------------------


class Library:
    """pyeventsourcing 9.5 on the same server, with its defaults: accounts as aggregates."""

    def __init__(self, url: str, accounts: int, facts: int, long: int) -> None:
        from eventsourcing.application import Application
        from eventsourcing.domain import Aggregate, event

        class Account(Aggregate):
            def __init__(self) -> None:
                self.held: dict[str, int] = {}

            @event("Traded")
            def trade(self, trade_id: str, symbol: str, lots: int, cost: int, cash: int) -> None:
                for asset, amount in ((symbol, lots), ("cost", cost), ("cash", cash)):
                    self.held[asset] = self.held.get(asset, 0) + amount

        asked = parse_qs(urlsplit(url).query)
        self.app = Application(
            env={
                "PERSISTENCE_MODULE": "eventsourcing.postgres",
                "POSTGRES_DBNAME": urlsplit(url).path.lstrip("/"),
                "POSTGRES_HOST": asked["host"][0],
                "POSTGRES_PORT": "5432",
                "POSTGRES_USER": asked["user"][0],
                "POSTGRES_PASSWORD": "",
            }
        )
        self.ids = []
        for each in [facts // accounts] * accounts + [long]:
            account = Account()
            for number in range(each):
                account.trade(f"t-{number}", f"BTC-{number % 20}", 5, 450_000_000, 0)
                if number % 1_000 == 999:
                    self.app.save(account)
            self.app.save(account)
            self.ids.append(account.id)
        self.facts = accounts * (facts // accounts)

    def replay(self) -> None:
        for each in self.ids[:-1]:
            self.app.repository.get(each)

    def one(self) -> None:
        self.app.repository.get(self.ids[-1])


# A row of COPY BINARY: how many columns, then each with its length before it.
WIDTHS = {"sequence": ">i8", "to": ">i4", "source": ">i4", "asset": ">i4", "amount": ">i8"}
MOVED = [("n", ">i2")]
for _name, _kind in WIDTHS.items():
    MOVED += [(f"{_name}_", ">i4"), (_name, _kind)]


def typed_rows(owner: Any) -> tuple[int, int]:
    """The same movements as fixed-width rows, the best a plain table can offer to COPY."""
    owner.execute(
        """
        CREATE TABLE named AS SELECT name, (row_number() OVER (ORDER BY name) - 1)::int AS id
            FROM (SELECT DISTINCT account AS name FROM clearing_entry) AS it;
        CREATE TABLE what AS SELECT name, (row_number() OVER (ORDER BY name) - 1)::int AS id
            FROM (SELECT DISTINCT asset AS name FROM clearing_entry) AS it;
        CREATE TABLE moved AS
            SELECT gets.sequence, too.id AS "to", froms.id AS source, what.id AS asset, gets.amount
            FROM clearing_entry AS gets
            JOIN clearing_entry AS gives ON gives.id = gets.id + 1
            JOIN named AS too ON too.name = gets.account
            JOIN named AS froms ON froms.name = gives.account
            JOIN what ON what.name = gets.asset
            WHERE gets.id % 2 = (SELECT min(id) % 2 FROM clearing_entry) ORDER BY gets.id;
        """
    )
    counted = owner.execute("SELECT (SELECT count(*) FROM named), (SELECT count(*) FROM what)")
    found: tuple[int, int] = counted.fetchone()
    return found


def copied(owner: Any, names: int, assets: int) -> Any:
    """COPY BINARY into a structured array, folded as ours is."""
    import numpy as np

    statement = "COPY moved TO STDOUT (FORMAT binary)"
    with owner.cursor() as cursor, cursor.copy(statement) as copy:
        body = b"".join(bytes(part) for part in copy)
    rows = np.frombuffer(body, dtype=MOVED, offset=19, count=(len(body) - 21) // 50)
    total = np.zeros(names * assets, dtype=np.int64)
    amount = rows["amount"].astype(np.int64)
    asset = rows["asset"].astype(np.int64)
    np.add.at(total, rows["to"].astype(np.int64) * assets + asset, amount)
    np.subtract.at(total, rows["source"].astype(np.int64) * assets + asset, amount)
    return total


# --- what is measured --------------------------------------------------------------------------


def replay(url: str, facts: int, library: Library, rounds: int) -> list[Row]:
    import psycopg

    from clearing import selectors

    with psycopg.connect(url) as owner:
        names, assets = typed_rows(owner)
        owner.commit()
        book = selectors.balances()
        total = copied(owner, names, assets).tolist()
        ours = sorted(amount for held in book.values() for amount in held.values())
        assert ours == sorted(amount for amount in total if amount), "both fold to the same"
        took, copying, theirs = in_turns(
            rounds,
            selectors.balances,
            lambda: copied(owner, names, assets),
            library.replay,
        )
    mine, copies, lib = facts / took, facts / copying, library.facts / theirs
    work = f"replay {facts:,} facts: sealed, checked, folded, all accounts"
    return [
        Row(work, per_second(mine), "pyeventsourcing replay", per_second(lib), mine / lib, 100),
        Row(work, per_second(mine), "COPY to NumPy, folded", per_second(copies), mine / copies, 5),
    ]


def one_account(long: int, library: Library, rounds: int) -> list[Row]:
    from clearing import models, selectors
    from clearing.domain import account
    from clearing.services import folds

    def from_all_facts() -> Any:
        return account.replay(it.fact for it in selectors.stream(f"account-{ONE}"))

    expected = from_all_facts()
    assert folds.account_state(ONE, refold=False)[0] == expected
    assert models.Snapshot.objects.filter(stream=f"account-{ONE}").exists()
    assert selectors.book_as_of(ONE, sequence=2**62) == dict(expected.holdings)
    names = (
        ("its snapshot and what is new", lambda: folds.account_state(ONE, refold=False), 20),
        ("its entries summed", lambda: selectors.book_as_of(ONE, sequence=2**62), 20),
        ("its rows as they stand", lambda: selectors.account_book(ONE), 20),
        ("every fact decoded and folded", from_all_facts, None),
    )
    theirs, *ours = in_turns(rounds, library.one, *(work for _, work, _ in names))
    return [
        Row(
            f"state of one account with {long:,} facts: {name}",
            f"{took * 1e3:.2f} ms",
            "pyeventsourcing get",
            f"{theirs * 1e3:.0f} ms",
            theirs / took,
            floor,
        )
        for (name, _, floor), took in zip(names, ours, strict=True)
    ]


def verification(facts: int, rounds: int) -> list[Row]:
    """One process. The bytes are those that chains, leaves and nodes hash; entries hash nothing."""
    from django.db import transaction

    from clearing.services import balances, evidence, findings, seals

    wanted = ("hash chains", "sealed blocks", "block columns", "facts balance", "book of columns")
    checks = [it for it in (*evidence.CHECKS, *seals.CHECKS, *balances.CHECKS) if it.name in wanted]

    def asked(check: findings.Check) -> None:
        with transaction.atomic():
            look = findings.Look(check=check.name, remedy="")
            for part in check.cut(1):
                check.look(look, part)
            assert look.findings == []

    messages, leaf, node = _hashed(), bytes(41), bytes(65)  # a tree has about a node a leaf

    def hashing() -> None:
        sha = hashlib.sha256
        for message in messages:
            sha(message).digest()
            sha(leaf).digest()
            sha(node).digest()

    sha, *took = in_turns(rounds, hashing, *(lambda it=it: asked(it) for it in checks))
    by_name = {it.name: t for it, t in zip(checks, took, strict=True)}
    decoding, book = by_name.pop("block columns"), by_name.pop("book of columns")
    hashed, size = sum(by_name.values()), sum(map(len, messages)) / len(messages)
    each = ", ".join(f"{name} {t * 1e6 / facts:.1f}" for name, t in by_name.items())
    beside, theirs = f"SHA-256 of the same bytes ({size:.0f} + tree)", per_second(facts / sha)
    work = f"verify chains, tree, entries, one core ({each} us a fact)"
    decoded = "the columns decoded again from every fact, which hashes nothing"
    folded = "the columns folded again, and compared with the sums of all entries"
    return [
        Row(work, per_second(facts / hashed), beside, theirs, sha / hashed, 0.2),
        Row(decoded, per_second(facts / decoding), beside, theirs, sha / decoding, None),
        Row(folded, per_second(facts / book), beside, theirs, sha / book, None),
    ]


def _hashed() -> list[bytes]:
    from django.db import transaction

    from clearing.services import evidence, findings

    times = evidence.Times()
    with transaction.atomic():
        rows = findings.binary(evidence.SPELLED, (-findings.FOREVER, findings.FOREVER))
        return [
            b"".join((evidence.LENGTH, bytes(32), front, times[effective], times[recorded], back))
            for *_, front, effective, recorded, back in rows
        ]


def seal_lag(seconds: float) -> list[Row]:
    """Four processes deposit as fast as they can while this one seals.

    A fact's lag is from the moment it was recorded, before its own commit, to its block.
    """
    from django.db import connection

    from clearing import selectors
    from clearing.services import processes, sealing

    before = selectors.sealed_up_to()
    with processes.pool(4) as pool:
        for each in [pool.submit(deposits, f"warm-{number}", 0.5) for number in range(4)]:
            each.result()
        load = [pool.submit(deposits, f"A-{number}", seconds) for number in range(4)]
        sealing.follow(seconds=seconds)
        done = sum(each.result() for each in load)
    sealing.catch_up()
    with connection.cursor() as cursor:
        cursor.execute(_LAGS, [before])
        half, most = cursor.fetchone()
    work = f"seal lag under {done / seconds:,.0f} facts/s from 4 writers"
    return [Row(work, f"p50 {half:.0f} ms, p99 {most:.0f} ms", "", "", None, None)]


def deposits(account: str, seconds: float) -> int:
    """What one writer does; how many."""
    from datetime import UTC, datetime

    from clearing.domain.cause import Cause
    from clearing.services import collateral

    at, cause = (
        datetime(2026, 1, 2, tzinfo=UTC),
        Cause(actor="system:bench", correlation_id="bench"),
    )
    done, ends = 0, time.monotonic() + seconds
    if account.startswith("warm"):
        return 0
    while time.monotonic() < ends:
        key = f"d-{os.getpid()}-{done}"
        collateral.deposit(account, key=key, asset="USDC", amount="1", at=at, cause=cause)
        done += 1
    return done


_LAGS = """
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY lag),
           percentile_cont(0.99) WITHIN GROUP (ORDER BY lag)
    FROM (SELECT extract(epoch FROM sealed_at - recorded_at) * 1000 AS lag
          FROM clearing_event AS it
          JOIN clearing_block AS sealed ON it.sequence BETWEEN sealed.first AND sealed.last
          WHERE sequence > %s AND it.name = 'clearing.collateral-deposited.v1') AS it
"""


def measured(url: str, chosen: argparse.Namespace) -> list[Row]:
    import psycopg

    from clearing.domain.cause import Cause
    from clearing.services import reference, replays, sealing
    from tests.benchmarks import filling

    with psycopg.connect(url) as owner:
        facts = filling.fill(owner, chosen.accounts, chosen.facts - chosen.long, long=chosen.long)
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")
    took = clocked(sealing.catch_up)
    print(f"sealed with columns: {per_second(facts / took)}")
    library = Library(url, chosen.accounts, chosen.library, chosen.long)
    rows = [*replay(url, facts, library, chosen.rounds), *verification(facts, chosen.rounds)]
    replays.rebuild()
    rows += one_account(chosen.long, library, chosen.rounds)
    at, cause = filling.START, Cause(actor="system:bench", correlation_id="bench")
    reference.admit_asset("USDC", scale=6, title="USDC", at=at, cause=cause)
    return [*rows, *seal_lag(chosen.seconds)]


def main(argv: list[str] | None = None) -> list[Row]:
    asked = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    asked.add_argument("--facts", type=int, default=100_000)
    asked.add_argument("--accounts", type=int, default=500)
    asked.add_argument("--library", type=int, default=20_000, help="facts of the library's replay")
    asked.add_argument("--long", type=int, default=10_000, help="facts of the one long stream")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--seconds", type=float, default=10, help="of load for the seal lag")
    chosen = asked.parse_args(argv)
    with a_standing_house() as url:
        return measured(url, chosen)


if __name__ == "__main__":
    show(main())
