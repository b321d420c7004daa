"""What benchmarks have in common: one row a piece of work, ours beside a peer's, and the machine."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """`ours` and `peer` say how fast, in words; `ratio` is ours over the peer's, `at_least` its floor
    (None where only the figure is asked for)."""

    work: str
    ours: str
    beside: str
    peer: str
    ratio: float | None
    at_least: float | None


def machine() -> str:
    """What it was measured on, in one line."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    server = subprocess.run(["uname", "-r"], capture_output=True, text=True, check=False).stdout
    return (
        f"{len(os.sched_getaffinity(0))} x {names[0] if names else platform.machine()},"
        f" {memory} GiB, Linux {server.strip()}, Python {platform.python_version()}"
    )


def median_rate(rounds: Iterable[Callable[[], float]]) -> float:
    """The median of what each round says it did in a second."""
    return statistics.median(each() for each in rounds)


def show(rows: list[Row]) -> None:
    print(machine())
    head = ("work", "ours", "beside", "theirs", "ratio", "floor", "")
    lines = [head]
    for it in rows:
        ratio = "" if it.ratio is None else f"{it.ratio:.2f}x"
        floor = "" if it.at_least is None else f"{it.at_least:g}x"
        below = it.ratio is not None and it.at_least is not None and it.ratio < it.at_least
        lines.append((it.work, it.ours, it.beside, it.peer, ratio, floor, "BELOW" if below else ""))
    widths = [max(len(line[place]) for line in lines) for place in range(len(head))]
    for line in lines:
        print(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        )
