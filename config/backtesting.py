"""Books of coins walked through their history: what was required, what exceeded it, the verdicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from config.feeds.closes import Daily
from margin.engine import backtests
from margin.engine.backtests import Transitions, Verdict, Zone
from margin.engine.shapes import Flags, Floats, Ints
from margin.engine.simulation import Simulation
from margin.engine.walk import UNIT, walk

LOT = 1_000_000.0  # money that one lot holds in its coin, set up anew for every test
THIN = 250  # scenarios; a 99 % tail of fewer is not three outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    name: str
    lots: Mapping[str, int]  # by coin, short negative

    @property
    def gross(self) -> float:
        return LOT * sum(abs(it) for it in self.lots.values())


BOOKS = (
    Book(name="BTC long", lots={"BTC": 1}),
    Book(name="BTC short", lots={"BTC": -1}),
    Book(name="ETH long", lots={"ETH": 1}),
    Book(name="ETH short", lots={"ETH": -1}),
    Book(name="BTC and ETH", lots={"BTC": 1, "ETH": 1}),
    Book(name="BTC against ETH", lots={"BTC": 1, "ETH": -1}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How often losses exceeded one series of amounts, and what the tests say to it."""

    share: float  # promised
    exceeded: Flags
    count: Verdict
    independent: Verdict
    both: Verdict
    zone: Zone

    @classmethod
    def of(cls, exceeded: Flags, *, share: float) -> Judged:
        number, days = int(exceeded.sum()), len(exceeded)
        return cls(
            share=share,
            exceeded=exceeded,
            count=backtests.unconditional(number, days=days, share=share),
            independent=backtests.independence(Transitions.of(exceeded)),
            both=backtests.conditional(exceeded, share=share),
            zone=backtests.traffic_light(number, days=days, share=share),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One book; amounts are shares of its gross value, one a test.

    thin    where the requirement rests on fewer than THIN scenarios
    """

    book: Book
    days: Sequence[date]
    scenarios: Sequence[int]
    required: Floats
    loss: Floats
    thin: Flags
    margin: Judged
    quantile: Judged
    shortfall_ratio: float


def tested(
    histories: Mapping[str, Daily],
    method: Simulation,
    *,
    since: date,
    books: Iterable[Book] = BOOKS,
) -> list[Outcome]:
    """Each book over the days that all its coins have. Raises HistoryRefused where none is left."""
    return [_tested(it, histories, method, since=since) for it in books]


def _tested(
    book: Book, histories: Mapping[str, Daily], method: Simulation, *, since: date
) -> Outcome:
    by_day = [{it.day: it.value for it in histories[asset].moves} for asset in book.lots]
    days = sorted(set.intersection(*(set(it) for it in by_day)))
    daily = np.array([[it[day] for it in by_day] for day in days]).reshape(len(days), len(by_day))
    found = walk(
        # Returns come as logarithms; a method of simple ones gets those of the same days.
        daily if method.history.returns == "log" else np.expm1(daily),
        lots=np.array([list(book.lots.values())]),
        price=np.full(len(by_day), LOT),
        method=method,
        first=next((row for row, day in enumerate(days) if day >= since), len(days)),
    )
    share = float(1 - method.measure.level)

    def of_gross(amounts: Ints) -> Floats:
        part: Floats = amounts[:, 0].astype(np.float64) * UNIT / book.gross
        return part

    loss = of_gross(found.loss)
    return Outcome(
        book=book,
        days=[days[row] for row in found.day],
        scenarios=found.scenarios.tolist(),
        required=of_gross(found.required),
        loss=loss,
        thin=found.scenarios < THIN,
        margin=Judged.of((found.loss > found.required)[:, 0], share=share),
        quantile=Judged.of((found.loss > found.quantile)[:, 0], share=share),
        shortfall_ratio=backtests.shortfall_ratio(
            loss,
            quantile=of_gross(found.quantile),
            shortfall=of_gross(found.shortfall),
            share=share,
        ),
    )
