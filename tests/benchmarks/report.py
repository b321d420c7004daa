"""What a comparison found, and where: one row for each line of the table that asks for it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """`ours` and `peer` are rates a second, or say how fast in words; `ratio` is how many times faster
    we are, `at_least` its floor; None or 0 where only the figure is asked for."""

    work: str
    ours: float | str
    beside: str  # what the peer is
    peer: float | str
    ratio: float | None
    at_least: float | None

    @property
    def below(self) -> bool:
        return bool(self.at_least) and self.ratio is not None and self.ratio < (self.at_least or 0)


def machine() -> str:
    """Processor, how many of them we may use, memory and system: ratios travel, rates do not."""
    processor = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{len(os.sched_getaffinity(0))} x {processor}, {gigabytes:.0f} GiB, {platform.system()}"
        f" {platform.release()}, Python {platform.python_version()}, load {load:.1f} at the end"
    )


def median_rate(rounds: Sequence[float]) -> float:
    """The middle of several rounds' rates: a neighbour's burst spoils one round, not the answer."""
    return median(rounds)


def show(rows: Sequence[Row]) -> None:
    """The table, with the machine under it."""
    lines = [("work", "ours", "beside", "theirs", "ratio", "at least", "")]
    for it in rows:
        ratio = "" if it.ratio is None else f"{it.ratio:.2f}x"
        asked = f"{it.at_least:g}x" if it.at_least else "-"
        below = "BELOW" if it.below else ""
        lines.append((it.work, _said(it.ours), it.beside, _said(it.peer), ratio, asked, below))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    print()
    for line in lines:
        cells = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        print("  ".join(cells).rstrip())
    print(machine())


def _said(how_fast: float | str) -> str:
    return how_fast if isinstance(how_fast, str) else f"{how_fast:,.0f}/s"
