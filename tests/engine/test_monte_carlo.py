"""Monte Carlo: draws against an oracle's own bits, fits against known shapes, and the same bytes
whoever draws, in whatever chunks."""

from __future__ import annotations

import copy
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margin.engine import copulas, marginals, monte_carlo, quantiles, revaluation
from margin.engine.aggregate import SumOverflow
from margin.engine.copulas import Copula
from margin.engine.histories import HistoryRefused
from margin.engine.reading import ParameterError
from margin.engine.revaluation import UNMOVED, Drivers
from margin.engine.running_tails import RunningTail
from margin.engine.simulation import load_monte_carlo
from tests.engine.builders import a_book, a_random_market
from tests.oracle import margin as by_hand
from tests.oracle import monte_carlo as oracle
from tests.oracle import quantiles as sorted_out

METHODS = Path(__file__).parents[2] / "margin" / "methods" / "monte_carlo"
GOOD = json.loads((METHODS / "t-copula-es-99.json").read_text())
FACTOR = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [-0.3, 0.4, np.sqrt(0.75)]])
WINDOW = 1800.0


def a_method(**but):
    usual = copy.deepcopy(GOOD)
    usual["draw"] |= {"scenarios": 2000, "block": 250}
    for key, value in but.items():
        part, _, field = key.partition("__")
        usual[part][field] = value
    return load_monte_carlo(usual)


def some_returns(days=600, factors=3):
    """Heavy tails that come together, in volatility that wanders."""
    rng = np.random.default_rng(11)
    together = np.sqrt(4.0 / rng.chisquare(4.0, days))[:, None]
    wandering = np.exp(0.3 * np.sin(np.arange(days) / 40.0))[:, None]
    return 0.02 * wandering * together * (rng.standard_normal((days, factors)) @ FACTOR.T)


@pytest.fixture(scope="module")
def model():
    return monte_carlo.fit(some_returns(), a_method())


@pytest.fixture(scope="module")
def held():
    market = a_random_market(np.random.default_rng(5), underlyings=3)
    return revaluation.ready(market, largest_factor=6.0, window_seconds=WINDOW)


DRIVERS = Drivers(spot=np.array([0, 1, 2]), vol=np.array([2, UNMOVED, UNMOVED]))


def a_few_accounts(held, accounts=9):
    rng = np.random.default_rng(3)
    series = len(held.base)
    lots = rng.integers(-5, 6, (accounts, series)) * (rng.random((accounts, series)) < 0.2)
    return a_book(lots=lots, market=held.market).positions


@pytest.mark.parametrize("path", sorted(METHODS.glob("*.json")), ids=lambda path: path.stem)
def test_every_method_that_draws_can_be_read_and_states_its_source(path):
    method = load_monte_carlo(path)

    assert method.name == path.stem
    assert len(method.source) > 40


@pytest.mark.parametrize("freedom", [2.5, 4.0, 30.0])
def test_draws_are_those_of_the_generator_worked_by_hand(freedom):
    bits = np.random.Philox(key=20260101, counter=7 << 192)

    smaller, upper = copulas.draw(Copula(factor=FACTOR, freedom=freedom), bits, count=4)

    words = oracle.philox(20260101, 7 << 192)
    expected = oracle.drawn(words, factor=FACTOR.tolist(), freedom=freedom, count=4)
    for row in range(3):
        for scenario in range(4):
            probability, is_upper = expected[row][scenario]
            assert smaller[row, scenario] == pytest.approx(float(probability), rel=1e-9)
            assert upper[row, scenario] == is_upper


def test_correlation_is_that_of_pairs_counted_one_by_one():
    z = some_returns(days=90)

    found = copulas.correlation(z)

    for one in range(3):
        for other in range(one):
            tau = float(oracle.kendall(z[:, one].tolist(), z[:, other].tolist()))
            assert found[one, other] == pytest.approx(np.sin(np.pi * tau / 2), rel=1e-12)


def test_a_correlation_that_cannot_be_is_made_one_that_can():
    """Pair by pair each is possible; the three together are not."""
    steps = np.arange(40.0)
    z = np.stack([steps, np.where(steps % 2, steps, -steps), -steps], axis=1)
    z[::2, 2] = z[::2, 1]

    found = copulas.correlation(z)

    assert np.linalg.eigvalsh(found).min() > 0.0
    assert np.diag(found) == pytest.approx(1.0)
    np.linalg.cholesky(found)


def test_the_likeliest_degrees_of_freedom_are_found_again():
    true = Copula(factor=FACTOR, freedom=4.0)
    bits = np.random.Philox(key=5)
    smaller, upper = copulas.draw(true, bits, count=4000)

    found = copulas.fit(np.where(upper, 1 - smaller, smaller).T, freedoms=(2.5, 4.0, 8.0, 30.0))

    assert found.freedom == 4.0
    assert found.factor @ found.factor.T == pytest.approx(FACTOR @ FACTOR.T, abs=0.05)


@pytest.mark.parametrize(("shape", "scale"), [(0.3, 1.0), (0.1, 0.02), (-0.2, 3.0), (0.0, 1.0)])
def test_a_known_tail_is_found_again(shape, scale):
    share = (np.arange(20_000) + 0.5) / 20_000
    tail = marginals.Tail(threshold=0.0, shape=shape, scale=scale)

    found = marginals.pareto(np.sort(tail.quantile(share)))

    assert found == pytest.approx((shape, scale), rel=0.01, abs=0.005)


def test_a_fitted_tail_is_about_as_likely_as_any_near_it():
    excess = np.sort(np.random.default_rng(8).pareto(4.0, 400))

    shape, scale = marginals.pareto(excess)

    here = oracle.pareto_log_likelihood(excess.tolist(), shape=shape, scale=scale)
    for there in ((2 * shape, scale), (shape, 1.5 * scale), (shape, scale / 1.5)):
        other = oracle.pareto_log_likelihood(excess.tolist(), shape=there[0], scale=there[1])
        assert here > other


def test_quantiles_grow_without_a_jump_where_the_tails_begin():
    found = marginals.fit(some_returns()[:, 0], share=0.1)
    p = np.concatenate([np.geomspace(1e-12, 0.0999999, 200), np.linspace(0.1, 0.5, 200)])

    down = found.quantile(p, upper=np.zeros(400, bool))
    up = found.quantile(p, upper=np.ones(400, bool))

    assert (np.diff(down) >= -1e-12).all()
    assert (np.diff(up) <= 1e-12).all()
    assert abs(down[200] - down[199]) < 1e-6
    assert abs(up[200] - up[199]) < 1e-6
    assert down[-1] == pytest.approx(up[-1], abs=1e-12)


def test_gains_are_those_of_prices_worked_out_one_by_one(held):
    rng = np.random.default_rng(1)
    spot, vol = rng.uniform(0.3, 3.0, (3, 4)), rng.uniform(0.5, 2.0, (3, 4))
    series, expiries = held.market.series, held.market.expiries

    found = revaluation.gains(held, spot=spot, vol=vol)

    for row in range(len(series.kind)):
        owner, unit = series.underlying[row], held.unit[series.underlying[row]]
        for scenario in range(4):
            if series.kind[row] == 2:
                gain = 0.0
            elif series.kind[row] == 1:
                gain = series.size[row] * series.mark[row] * (spot[owner, scenario] - 1.0)
            else:
                expiry = series.expiry[row]
                years = expiries.seconds[expiry] / 31_536_000
                fixed = max(0.0, 1.0 - expiries.seconds[expiry] / WINDOW)
                discount = np.exp(-max(expiries.rate[expiry], 0.0) * years)

                def worth(move, turn, row=row, expiry=expiry, years=years, fixed=fixed):
                    forward = expiries.forward[expiry] * (fixed + (1.0 - fixed) * move)
                    deviation = series.vol[row] * turn * np.sqrt(years)
                    return float(
                        by_hand.black(
                            forward, series.strike[row], deviation, bool(series.is_call[row])
                        )
                    )

                gain = (
                    series.size[row]
                    * discount
                    * (worth(spot[owner, scenario], vol[owner, scenario]) - worth(1.0, 1.0))
                )
            assert abs(found[row, scenario] - gain / unit) <= 0.5 + 1e-3


def test_measures_are_those_of_all_outcomes_at_once(held, model):
    method, positions = a_method(), a_few_accounts(held)

    found = monte_carlo.simulate(positions, held, model, method, drivers=DRIVERS)

    every = np.concatenate(
        [
            monte_carlo.block_gains(held, model, method, drivers=DRIVERS, block=block)
            for block in range(8)
        ],
        axis=1,
    )
    ratio = held.unit[held.market.series.underlying] / held.unit.min()
    for row, lots in enumerate(positions.toarray().tolist()):
        outcomes = [
            sum(
                int(lot * r) * int(gain)
                for lot, r, gain in zip(lots, ratio, column, strict=True)
                if lot
            )
            for column in every.T
        ]
        expected = sorted_out.of_equal(outcomes, level=Fraction(99, 100), convention="tail-mean.v1")
        assert found.margin.fractions()[row] == expected


@pytest.mark.parametrize(("workers", "chunk"), [(1, 1), (2, 4), (3, 2), (8, 100)])
def test_any_number_of_workers_and_any_chunk_give_the_same_bytes(held, model, workers, chunk):
    method, positions = a_method(), a_few_accounts(held)
    usual = monte_carlo.simulate(positions, held, model, method, drivers=DRIVERS)

    found = monte_carlo.simulate(
        positions,
        held,
        model,
        method,
        drivers=DRIVERS,
        workers=workers,
        accounts_at_once=chunk,
    )

    assert found.digest == usual.digest
    assert found.margin.fractions() == usual.margin.fractions()


def test_the_hash_follows_the_seed_and_nothing_that_rounding_hides(held, model):
    positions = a_few_accounts(held)

    hashes = {
        monte_carlo.simulate(
            positions, held, model, a_method(draw__seed=seed), drivers=DRIVERS
        ).digest
        for seed in (1, 2, 1)
    }

    assert len(hashes) == 2


def test_no_two_blocks_are_the_same_and_one_does_not_need_another(model):
    method = a_method()

    first, last = (monte_carlo.moves(model, method, block=it) for it in (0, 7))

    assert not np.isin(first, last).any()
    np.testing.assert_array_equal(last, monte_carlo.moves(model, method, block=7))


def test_no_move_is_larger_than_the_largest(model):
    method = a_method(draw__largest_factor=1.05)

    found = monte_carlo.moves(model, method, block=0)

    assert found.max() == pytest.approx(1.05)
    assert found.min() == pytest.approx(1 / 1.05)


@given(
    st.lists(st.lists(st.integers(-9, 9), min_size=12, max_size=12), min_size=1, max_size=5),
    st.lists(st.integers(1, 11), max_size=4),
    st.sampled_from(["tail-mean.v1", "upper.v1", "linear.v1", "next-rank.v1"]),
    st.sampled_from([Fraction(9, 10), Fraction(1, 2), Fraction(99, 100)]),
    st.randoms(),
)
@settings(deadline=None)
def test_tails_kept_block_by_block_are_those_of_everything(rows, cuts, convention, level, chance):
    pnl = np.array(rows, np.int64)
    ranks = quantiles.ranks(convention, 12, level)
    tail = RunningTail(accounts=len(rows), scenarios=12, ranks=ranks)
    blocks = np.split(pnl, sorted(set(cuts)), axis=1)
    chance.shuffle(blocks)

    for block in blocks:
        tail.add(block, accounts=slice(0, len(rows)))

    assert tail.measured().fractions() == quantiles.combine(pnl, ranks).fractions()


def test_an_account_too_large_for_exact_sums_is_refused(held, model):
    lots = np.zeros((1, len(held.base)), np.int64)
    lots[0, 0] = 2**50

    with pytest.raises(SumOverflow, match="account 0"):
        monte_carlo.simulate(
            a_book(lots=lots, market=held.market).positions,
            held,
            model,
            a_method(),
            drivers=DRIVERS,
        )


def test_what_history_does_not_hold_is_refused():
    with pytest.raises(HistoryRefused, match="530 are wanted"):
        monte_carlo.fit(some_returns(days=529), a_method())
    with pytest.raises(HistoryRefused, match="factor 1 never moved"):
        monte_carlo.fit(some_returns() * [1.0, 0.0, 1.0], a_method())
    with pytest.raises(HistoryRefused, match="too few for a tail"):
        marginals.fit(np.arange(50.0), share=0.1)
    with pytest.raises(HistoryRefused, match="all but the same"):
        marginals.pareto(np.full(20, 3.0) * 0.0)


@pytest.mark.parametrize(
    ("part", "field", "value", "named"),
    [
        ("fit", "freedoms", [], "fit.freedoms"),
        ("fit", "freedoms", [4, 1], "fit.freedoms.1"),
        ("fit", "tail_share", "0.5", "fit.tail_share"),
        ("draw", "scenarios", 2100, "draw.scenarios"),
        ("draw", "largest_factor", 1, "draw.largest_factor"),
        ("draw", "sed", 1, "draw.sed"),
        ("filter", "scaling", "up", "filter.scaling"),
    ],
)
def test_what_is_wrong_with_a_file_that_draws_is_named(part, field, value, named):
    with pytest.raises(ParameterError) as refused:
        a_method(**{f"{part}__{field}": value})

    assert refused.value.field == named
