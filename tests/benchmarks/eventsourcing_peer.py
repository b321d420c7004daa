"""The event-sourcing library beside us, with its PostgreSQL recorder as it comes: the table lock that
its order depends on stays in, and the functions that leave it out stay off."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event


class Corrections(Aggregate):
    """An aggregate whose events carry what ours do."""

    @event("Corrected")
    def correct(self, price_set: str, source: str, at: str, quotes: int, reason: str) -> None:
        self.reason = reason


class Writer:
    """One process's application and its aggregate."""

    def __init__(self, url: str) -> None:
        self.house = Application(env={**environment(url), "CREATE_TABLE": "n"})
        self.it = Corrections()
        self.house.save(self.it)

    def one_by_one(self, count: int) -> None:
        for _ in range(count):
            self._correct()
            self.house.save(self.it)

    def batch(self, count: int) -> None:
        for _ in range(count):
            self._correct()
        self.house.save(self.it)

    def _correct(self) -> None:
        self.it.correct("a" * 64, "a venue", "2026-01-01T00:00:00.000000Z", 400, "a comparison")


def make_table(url: str) -> None:
    """Once, by one process: several at the start would meet over the same function."""
    Application(env=environment(url)).close()


def environment(url: str) -> dict[str, str]:
    split = urlsplit(url)
    query = parse_qs(split.query)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": split.path.lstrip("/"),
        "POSTGRES_HOST": query["host"][0],
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": query["user"][0],
        "POSTGRES_PASSWORD": "",
    }
