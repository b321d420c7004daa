"""Funding histories: one rate an interval, as venues publish them, from CSV, gzipped or not."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clearing.console import FileNotValid

TIME, CONTRACT, VENUE, RATE = "funding_time_utc", "contract", "venue", "funding_rate_8h"
HOURS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    interval_end: datetime
    venue: str
    contract: str
    rate: str


def read(path: Path, *, contract: str) -> Iterator[Published]:
    """The rates of one contract, in the file's order. Raises FileNotValid naming the line."""
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8", newline="") as lines:
            rows = csv.DictReader(lines)
            missing = {TIME, CONTRACT, VENUE, RATE} - set(rows.fieldnames or ())
            if missing:
                raise FileNotValid(field="file", file=path.name, lacks=", ".join(sorted(missing)))
            for number, row in enumerate(rows, start=2):
                if row[CONTRACT] == contract:
                    yield _published(row, path, number)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise FileNotValid(field="file", file=path.name, why=str(error)[:200]) from None


def _published(row: dict[str, str], path: Path, number: int) -> Published:
    try:
        at = datetime.fromisoformat(row[TIME])
    except ValueError:
        raise FileNotValid(field="file", file=path.name, line=number, got=row[TIME]) from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return Published(
        interval_end=at.astimezone(UTC), venue=row[VENUE], contract=row[CONTRACT], rate=row[RATE]
    )
