"""Every comparison of the record, in one table: `make bench-record`.

Each bench is a module with `main(argv)` that returns its rows. Sizes are its arguments; here they
are what fits a coffee break, or with --quick, what shows that everything runs. Each runs in a fresh
process: a house is set up once in the life of one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context

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
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            rows += fresh.submit(bench, name, little if quick else ()).result()
    return rows


def bench(name: str, argv: Sequence[str]) -> list[Row]:
    found: list[Row] = import_module(f"tests.benchmarks.{name}").main(argv)
    return found


if __name__ == "__main__":
    show(main(sys.argv[1:]))
