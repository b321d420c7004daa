"""Fixing the global order."""

from __future__ import annotations

import time

from clearing import sealer


def seal() -> int:
    """Seal what is final now; return the last sealed sequence."""
    return sealer.seal()


def catch_up() -> int:
    """Seal block after block until nothing more is final; return the last sealed sequence."""
    last = seal()
    while (now := seal()) != last:
        last = now
    return last


def follow(*, seconds: float, every: float = 0.02) -> int:
    """Seal behind the writers for a while, looking again after `every` seconds with nothing new."""
    ends = time.monotonic() + seconds
    last = 0
    while time.monotonic() < ends:
        now = seal()
        if now == last:
            time.sleep(every)
        last = now
    return last
