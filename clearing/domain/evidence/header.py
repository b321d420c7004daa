"""The header of a sealed block: all that a block says, in one line, and the hash that chains it.

Format 1 hashed numbers and the root alone. Format 2 hashes the header's whole text, which names every
column of the block, so that a column that is not hashed cannot come to be: blocks of both formats
stand in one chain.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

GENESIS = bytes(32)
FORMAT = 2
NO_COLUMNS = hashlib.sha256(b"").digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """`dead` are runs of sequences without a fact, first and last of each, since the block before;
    `total` is how many facts there are up to this block's last."""

    format: int
    number: int
    first: int
    last: int
    count: int
    root: bytes
    previous: bytes
    total: int = 0
    dead: tuple[tuple[int, int], ...] = ()
    decoder: int = 0  # which one made the columns; 0 when there were none to be made
    columns: bytes = NO_COLUMNS  # digest of the columns
    keys: bytes = NO_COLUMNS  # digest of the idempotency keys that led to its facts
    epoch: str = ""  # the server's system identifier and timeline
    sealed_at: str = ""

    def text(self) -> str:
        """One line of JSON: what format 2 hashes, and how a header is exported."""
        return json.dumps(
            {
                "columns": self.columns.hex(),
                "count": self.count,
                "dead": [list(run) for run in self.dead],
                "decoder": self.decoder,
                "epoch": self.epoch,
                "first": self.first,
                "format": self.format,
                "keys": self.keys.hex(),
                "last": self.last,
                "number": self.number,
                "previous": self.previous.hex(),
                "root": self.root.hex(),
                "sealed_at": self.sealed_at,
                "total": self.total,
            },
            sort_keys=True,
            separators=(",", ":"),
        )

    def head(self) -> bytes:
        if self.format == 1:
            numbers = (self.number, self.first, self.last, self.count)
            packed = b"".join(value.to_bytes(8, "big") for value in numbers)
            return hashlib.sha256(self.previous + packed + self.root).digest()
        return hashlib.sha256(b"surety block\n" + self.text().encode()).digest()


def parsed(text: str) -> Header:
    """Raises ValueError, KeyError, TypeError for what is no header."""
    found: dict[str, Any] = json.loads(text)
    for name in ("columns", "keys", "previous", "root"):
        found[name] = bytes.fromhex(found[name])
    found["dead"] = tuple((int(first), int(last)) for first, last in found["dead"])
    return Header(**found)


def runs_between(after: int, sequences: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """The runs of sequences past `after` that hold no fact, up to the last one given."""
    runs, expected = [], after + 1
    for sequence in sequences:
        if sequence != expected:
            runs.append((expected, sequence - 1))
        expected = sequence + 1
    return tuple(runs)


def number_in(header: Header, sequence: int) -> int:
    """The gapless number of a fact: its sequence less every one before it that holds none."""
    assert header.format > 1, "blocks of format 1 do not keep their dead sequences"
    after = header.last - header.count - sum(last - first + 1 for first, last in header.dead)
    dead = sum(min(last, sequence) - first + 1 for first, last in header.dead if first <= sequence)
    return header.total - header.count + sequence - after - dead
