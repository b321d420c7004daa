"""A real market for the story: the six-hour option chains of an exchange, and its candles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from config.story.feed import Snapshot

CHAINS = "deribit/chain_6h_*.csv*"


class DataMissing(ValueError):
    """No chains where they were looked for."""


def files(data: Path) -> list[Path]:
    """Raises DataMissing."""
    found = sorted(data.glob(CHAINS))
    if not found:
        raise DataMissing(f"{data / CHAINS}: no such files")
    return found


def names(data: Path) -> list[str]:
    return [path.name for path in files(data)]


def snapshots(data: Path) -> Iterator[Snapshot]:
    raise NotImplementedError
