"""What a margin run over a whole house costs, and where: run me, I am not collected.

    python -m tests.benchmarks.bench_runs [--accounts 20000]

Peer: the same accounts margined one at a time through the same service functions, on a slice.
Nothing is written; the database is not needed. Quote the ratio, not the seconds.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from types import SimpleNamespace

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
import django

django.setup()

from clearing.domain.instrument import Kind, Payoff  # noqa: E402
from clearing.selectors import BookColumns  # noqa: E402
from config.story import market  # noqa: E402
from margin.engine import parameters  # noqa: E402
from margin.engine.requirement import requirement  # noqa: E402
from margin.selectors import inputs  # noqa: E402
from tests.builders import PARAMETERS  # noqa: E402

DIGITS = {"USDC": 6, "BTC": 8, "ETH": 9}


def a_market() -> inputs.Resolved:
    """The story's first snapshot, resolved as a run would resolve it."""
    from decimal import Decimal

    snapshot = next(iter(market.snapshots(seed=1, fall=Decimal("0.3"))))
    terms = {it.symbol: _instrument(it) for it in snapshot.terms}
    # The terms are here, so that no table is asked.
    inputs.record = SimpleNamespace(instruments=lambda _=None: terms, scales=lambda: DIGITS)
    rules = SimpleNamespace(
        name="bench", reporting="USDC", scale=6, parameters=parameters.load(PARAMETERS)
    )
    sealed = SimpleNamespace(name="bench", prices=snapshot.prices)
    return inputs._resolve(sealed, rules)


def _instrument(it) -> SimpleNamespace:
    from decimal import Decimal

    from clearing.domain import clock

    return SimpleNamespace(
        symbol=it.symbol,
        kind=Kind(it.kind),
        payoff=Payoff(it.payoff),
        underlying=it.underlying,
        settlement=it.settlement,
        scale=DIGITS[it.settlement],
        lot_size=Decimal(it.lot_size),
        expiry_at=clock.parsed(it.expiry_at) if it.expiry_at else None,
        strike=Decimal(it.strike) if it.strike else None,
        is_call=it.option_type == "call",
    )


def a_book(on: inputs.Resolved, accounts: int) -> BookColumns:
    draw = random.Random(1)
    symbols = sorted(on.series)
    book = BookColumns(accounts=[], versions=[], sequences=[], row=[], asset=[], amount=[])
    for row in range(accounts):
        book.accounts.append(f"A-{row}")
        book.versions.append(1)
        book.sequences.append(1)
        held = {f"lots:{symbol}": draw.randint(-50, 50) for symbol in draw.sample(symbols, 12)}
        for asset, amount in {**held, "cash:USDC": 10**12}.items():
            book.row.append(row)
            book.asset.append(asset)
            book.amount.append(amount)
    return book


def clocked(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    asked.add_argument("--accounts", type=int, default=20_000)
    accounts = asked.parse_args().accounts
    on = a_market()
    book, one = a_book(on, accounts), a_book(on, 1)
    found = inputs.arrays(book, on)

    to_arrays = statistics.median(clocked(lambda: inputs.arrays(book, on)) for _ in range(5))
    engine = statistics.median(
        clocked(lambda: requirement(found.book, on.market, on.rules.parameters, on.array))
        for _ in range(5)
    )

    def alone() -> None:
        mine = inputs.arrays(one, on)
        requirement(mine.book, on.market, on.rules.parameters, on.array)

    each = statistics.median(clocked(alone) for _ in range(50))
    print(f"{accounts:,} accounts, {len(book.row):,} holdings, {len(on.series)} series")
    print(f"to arrays {to_arrays * 1e3:.0f} ms, engine {engine * 1e3:.0f} ms")
    print(f"one at a time would take {each * accounts / (to_arrays + engine):.0f}x as long")


if __name__ == "__main__":
    main()
