"""Several processes verify on one snapshot, and a rebuild keeps nobody waiting for long."""

from __future__ import annotations

import threading
from itertools import count

from clearing import models, selectors
from clearing.services import collateral, replays, sealing, timekeeping, verification
from tests.builders import CAUSE
from tests.histories import a_history
from tests.tampering import as_owner
from tests.threads import at_once


def deposit(key: str) -> None:
    collateral.deposit(
        "SOUTH-1", key=key, asset="USDC", amount="1", at=timekeeping.now(), cause=CAUSE
    )


def test_three_processes_find_what_one_finds(house):
    a_history()
    sealing.catch_up()
    said: list[tuple[str, int, int | None]] = []

    assert verification.verify(jobs=3, progress=lambda *it: said.append(it)) == []

    alone: list[tuple[str, int, int | None]] = []
    verification.verify(progress=lambda *it: alone.append(it))
    assert [it for it in said if it[2] is not None] == [it for it in alone if it[2] is not None]

    with as_owner() as cursor:
        cursor.execute(
            "UPDATE clearing_event SET actor = 'nobody'"
            " WHERE sequence = (SELECT min(sequence) FROM clearing_event)"
        )
        cursor.execute("UPDATE clearing_holding SET amount = amount + 1 WHERE account = 'SOUTH-1'")
    found = verification.verify()
    assert {it.check for it in found} >= {"hash chains", "holdings", "rows"}
    again = verification.verify(jobs=3)
    assert {it.check for it in again} == {it.check for it in found}
    # which rows are shown as examples is the server's choice
    assert [it for it in again if it.check != "rows"] == [it for it in found if it.check != "rows"]


def test_what_commits_while_they_work_is_not_seen_by_halves(house):
    """Each process looks at the parent's moment, not at its own."""
    a_history()
    stop, numbers = threading.Event(), count()

    def writer() -> None:
        while not stop.is_set():
            deposit(f"more-{next(numbers)}")

    def sealer() -> None:
        while not stop.is_set():
            sealing.seal()

    def verifier() -> list[object]:
        try:
            return list(verification.verify(jobs=2))
        finally:
            stop.set()

    found, *others = at_once([verifier, writer, sealer])

    assert found.result() == []
    for other in others:
        other.result()
    assert next(numbers) > 0


def test_writers_and_readers_succeed_all_through_a_rebuild(house, monkeypatch):
    """Every read sees whole rows, every write is done, and what was wrong is right afterwards."""
    monkeypatch.setattr(replays, "LITTLE", 5)
    a_history()
    sealing.catch_up()
    stop, numbers, read = threading.Event(), count(), []
    models.Holding.objects.filter(account="NORTH-1").delete()

    def writer() -> int:
        done = 0
        while not stop.is_set():
            deposit(f"{threading.get_ident()}-{next(numbers)}")
            done += 1
        return done

    def reader() -> int:
        seen = 0
        while not stop.is_set():
            now = selectors.account("SOUTH-1").cash("USDC")
            assert now >= seen, "money that was there is there"
            seen = now
            read.append(seen)
        return len(read)

    def seal() -> int:
        while not stop.is_set():
            sealing.seal()
        return 0

    def rebuilder() -> dict[str, int]:
        try:
            return replays.rebuild()
        finally:
            stop.set()

    rebuilt, *others = at_once([rebuilder, writer, writer, reader, seal])

    assert rebuilt.result()["clearing_holding"] > 0
    assert all(other.result() > 0 for other in others[:3])
    assert verification.verify() == []
