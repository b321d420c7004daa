"""Ratios of the engine to what a desk would otherwise run, measured side by side.

    python -m tests.benchmarks.bench_engine

Nothing is asserted and absolute times mean little on a shared machine: read the ratios. Peers that
would take minutes run on a slice; the slice is printed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import QuantLib as ql
from scipy.special import ndtr

from margin.engine import risk_array
from margin.engine.parameters import Parameters, load
from margin.engine.pricing import YEAR_SECONDS, black_76
from margin.engine.requirement import requirement
from margin.engine.scenarios import years_left
from margin.engine.shapes import Book, Floats, Kind, Market
from tests.engine.builders import a_book, a_random_market

METHOD = load(Path(__file__).parents[2] / "margin" / "methods" / "derive-pmrm2-test.json")
ACCOUNTS, SERIES_HELD, SLICE = 20_000, 20, 100


def main() -> None:
    rng = np.random.default_rng(20_261_120)
    market = a_random_market(rng, underlyings=5, strikes=25)
    book = a_house(rng, market)
    print(f"{len(market.series.kind)} series, {len(METHOD.scenarios) + 3} price columns")
    print(f"{ACCOUNTS} accounts, {book.positions.nnz} positions")
    compare_pricing(market)
    compare_house(book, market)


def a_house(rng: np.random.Generator, market: Market) -> Book:
    """Accounts of a few dozen positions each, spread over all groups."""
    count = len(market.series.kind)
    lots = np.zeros((ACCOUNTS, count), np.int16)
    columns = rng.integers(0, count, (ACCOUNTS, SERIES_HELD))
    lots[np.arange(ACCOUNTS)[:, None], columns] = rng.integers(-100, 101, columns.shape)
    return a_book(lots=lots, market=market, cash=rng.uniform(0, 1e6, ACCOUNTS))


def compare_pricing(market: Market) -> None:
    """The same cells, formula only: forwards and vols of every scenario are given to both."""
    forward, vol, strike, years, is_call = option_cells(market)
    ours = taken(
        lambda: black_76(
            forward=forward,
            strike=strike[:, None],
            vol=vol,
            years=years[:, None],
            is_call=is_call[:, None],
        )
    )
    whole = taken(lambda: risk_array.price(market, METHOD))
    peer, values = quantlib_values(forward[:SLICE], vol[:SLICE], strike, years, is_call)
    same = black_76(
        forward=forward[:SLICE],
        strike=strike[:SLICE, None],
        vol=vol[:SLICE],
        years=years[:SLICE, None],
        is_call=is_call[:SLICE, None],
    )
    rate, peer_rate = forward.size / ours, values.size / peer
    array_rate = forward.size / whole
    print(f"pricing        {rate / 1e6:8.2f} M cells/s")
    print(f"risk array     {array_rate / 1e6:8.2f} M cells/s, with vol shocks and skews")
    print(f"QuantLib       {peer_rate / 1e6:8.2f} M cells/s, quotes moved, {SLICE} series")
    print(f"ratio          {rate / peer_rate:8.0f} x, risk array {array_rate / peer_rate:.0f} x")
    print(
        f"difference     {np.abs(values - same).max() / forward.max():8.1e} of the forward at most"
    )


def option_cells(market: Market) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    series, expiries = market.series, market.expiries
    options = series.kind == Kind.OPTION
    expiry = series.expiry[options]
    shocks = np.array([1.0, *(each.spot for each in METHOD.scenarios), 1.045, 0.955])
    forward = expiries.forward[expiry][:, None] * shocks
    vol = series.vol[options][:, None] * np.linspace(0.7, 1.5, len(shocks))
    # QuantLib counts whole days, so every option gets at least one.
    years = np.maximum(np.round(years_left(expiries.seconds[expiry]) * 365.0), 1.0) / 365.0
    return forward, vol, series.strike[options], years, series.is_call[options]


def quantlib_values(
    forward: Floats, vol: Floats, strike: Floats, years: Floats, is_call: Floats
) -> tuple[float, Floats]:
    """Seconds and values: one option and engine a series, quotes moved between scenarios."""
    today = ql.Date(20, 11, 2026)
    ql.Settings.instance().evaluationDate = today
    day, spot, sigma = ql.Actual365Fixed(), ql.SimpleQuote(1.0), ql.SimpleQuote(0.5)
    flat = ql.YieldTermStructureHandle(ql.FlatForward(today, 0.0, day))
    surface = ql.BlackVolTermStructureHandle(
        ql.BlackConstantVol(today, ql.NullCalendar(), ql.QuoteHandle(sigma), day)
    )
    engine = ql.AnalyticEuropeanEngine(ql.BlackProcess(ql.QuoteHandle(spot), flat, surface))
    values = np.empty_like(forward)
    start = time.perf_counter()
    for row in range(len(forward)):
        kind = ql.Option.Call if is_call[row] else ql.Option.Put
        option = ql.VanillaOption(
            ql.PlainVanillaPayoff(kind, float(strike[row])),
            ql.EuropeanExercise(today + round(years[row] * 365)),
        )
        option.setPricingEngine(engine)
        for column in range(forward.shape[1]):
            spot.setValue(float(forward[row, column]))
            sigma.setValue(float(vol[row, column]))
            values[row, column] = option.NPV()
    return time.perf_counter() - start, values


def compare_house(book: Book, market: Market) -> None:
    array = risk_array.build(market, METHOD)
    built = taken(lambda: risk_array.build(market, METHOD))
    given = taken(lambda: requirement(book, market, METHOD, array), times=3)
    whole = built + given
    one = Book(
        positions=book.positions[[0]],
        collateral=book.collateral[:1],
        cash=book.cash[:1],
        cost=book.cost[:1],
        coin_cost=book.coin_cost[:1],
    )
    alone = taken(lambda: requirement(one, market, METHOD, array))
    start = time.perf_counter()
    for account in range(SLICE):
        naive_worst(book, market, METHOD, account)
    naive = (time.perf_counter() - start) * ACCOUNTS / SLICE
    print(f"risk array     {built * 1e3:8.1f} ms")
    print(f"requirement    {given * 1e3:8.1f} ms, full method, given the array")
    print(f"one account    {alone * 1e3:8.2f} ms, given the array")
    print(f"account loop   {naive * 1e3:8.1f} ms, scenario losses only, from {SLICE} accounts")
    print(f"ratio          {naive / whole:8.1f} x")


def naive_worst(book: Book, market: Market, parameters: Parameters, account: int) -> float:
    """Reprice what one account holds in every scenario; no discounts, skews, charges or buckets."""
    row = slice(*book.positions.indptr[account : account + 2])
    held, lots = book.positions.indices[row], book.positions.data[row]
    series, expiries = market.series, market.expiries
    is_option = series.kind[held] == Kind.OPTION
    option, rest = held[is_option], held[~is_option]
    expiry = series.expiry[option]
    years = np.maximum(expiries.seconds[expiry], 0.0) / YEAR_SECONDS
    worst = 0.0
    before = None
    for shock in (1.0, *(each.spot for each in parameters.scenarios), 1.045, 0.955):
        forward, strike = expiries.forward[expiry] * shock, series.strike[option]
        deviation = series.vol[option] * 1.2 * np.sqrt(years)
        upper = np.log(forward / strike) / deviation + deviation / 2
        call = forward * ndtr(upper) - strike * ndtr(upper - deviation)
        worth = np.where(series.is_call[option], call, call - forward + strike)
        value = lots[is_option] @ (worth * series.size[option])
        value += lots[~is_option] @ (series.size[rest] * series.mark[rest] * shock)
        before = value if before is None else before
        worst = min(worst, float(value - before))
    return worst


def taken(work: Callable[[], object], *, times: int = 7) -> float:
    """Median seconds of a few runs, after one that warms up."""
    work()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return median(seconds)


if __name__ == "__main__":
    main()
