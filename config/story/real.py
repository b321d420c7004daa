"""A real market for the story: the six-hour option chains of an exchange, and its candles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from config.feeds.candles import candle_files, read_candles
from config.feeds.chains import read_chain
from config.story.feed import Snapshot

CHAINS = "deribit/chain_6h_*.csv*"


class DataMissing(ValueError):
    """No chains where they were looked for."""


def files(data: Path) -> list[Path]:
    """Raises DataMissing."""
    found = sorted(data.glob(CHAINS))
    if not found:
        raise DataMissing(f"--data: {data / CHAINS} matches no file")
    return found


def names(data: Path) -> list[str]:
    return [path.name for path in files(data)]


def snapshots(data: Path) -> Iterator[Snapshot]:
    """Every snapshot of the files, in time order; rows that are refused are simply not in it."""
    found = files(data)
    candles = read_candles(candle_files(beside=found))
    for each in read_chain(found, candles=candles):
        yield Snapshot(terms=tuple(each.terms.values()), prices=each.prices)
