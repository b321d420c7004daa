"""Every comparison of the record, in one table: `make bench-record`.

Each bench is a module with `main(argv)` that returns its rows. Sizes are its arguments; here they
are what fits a coffee break, or with --quick, what shows that everything runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

from tests.benchmarks.report import Row, show

BENCHES: dict[str, tuple[str, ...]] = {  # module -> arguments of the quick run
    "bench_append": ("--events", "50", "--rounds", "1", "--bulk", "2000"),
    "bench_replay": ("--facts", "2000", "--rounds", "1"),
    "bench_trades": ("--trades", "10", "--rounds", "1"),
}


def main(argv: Sequence[str]) -> list[Row]:
    quick = "--quick" in argv
    rows: list[Row] = []
    for name, little in BENCHES.items():
        print(f"{name} ...", flush=True)
        rows += import_module(f"tests.benchmarks.{name}").main(little if quick else ())
    return rows


if __name__ == "__main__":
    show(main(sys.argv[1:]))
