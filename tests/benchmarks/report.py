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
    """`ours` and `peer` are rates in the same unit, so `ratio` is how many times faster we are."""

    work: str
    ours: float
    beside: str  # what the peer is
    peer: float
    ratio: float
    at_least: float  # the floor asked for; 0 where none was

    @property
    def meets(self) -> bool:
        return self.ratio >= self.at_least


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


def show(rows: list[Row]) -> None:
    """The table, with the machine under it."""
    width = max(len(row.work) for row in rows)
    beside = max(len(row.beside) for row in rows)
    print(
        f"\n{'work':{width}}  {'ours/s':>10}  {'beside':{beside}}  {'peer/s':>10}  ratio  at least"
    )
    for row in rows:
        asked = f"{row.at_least:g}" if row.at_least else "-"
        said = "" if row.meets else "  below"
        print(
            f"{row.work:{width}}  {row.ours:>10,.0f}  {row.beside:{beside}}"
            f"  {row.peer:>10,.0f}  {row.ratio:5.2f}  {asked:>8}{said}"
        )
    print(machine())
