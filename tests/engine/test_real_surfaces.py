"""Real chains of 2020, 2021 and 2026, and an index board of 2013: forwards and smiles as quoted."""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from config.feeds import chains, surfaces
from margin.engine import forwards, surface
from margin.engine.surface import Limits, Use

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FILES = {  # snapshots; share of quotes whose spread the smile runs through; forward's median bp
    "chain_btc_2020-05-21.csv": (1, 0.90, 5.0),
    "chain_btc_eod_2021-07.csv.gz": (3, 0.90, 8.0),  # ticks of 0.0005 coin, thin boards
    "chain_6h_2026-02-04_2026-02-10.csv.gz": (3, 0.95, 3.0),
    "chain_weekly_2026-01-02_2026-05-29.csv.gz": (2, 0.95, 3.0),
}
NEAR_BP = 10.0


@pytest.fixture(scope="module", params=FILES)
def fitted(request):
    path = DATA / "deribit" / request.param
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    wanted, share, median_bp = FILES[request.param]
    found = [
        (board, surface.fit(board.chain, limits=Limits()))
        for snapshot in islice(chains.read_chain([path]), wanted)
        for board in surfaces.boards(snapshot)
    ]
    return found, share, median_bp


def test_the_venues_forward_is_found_by_parity_alone(fitted):
    """Within ten basis points, or within what the quotes themselves leave open."""
    found, _, median_bp = fitted
    near = []
    for board, it in found:
        for forward, said in zip(it.forwards, board.underlying, strict=True):
            if not forward.value:
                continue
            off = abs(forward.value / said - 1.0) * 1e4
            open_bp = max(0.0, forward.high - forward.low) / said * 1e4
            assert off <= NEAR_BP + open_bp
            near.append(off)

    assert len(near) >= 7
    assert np.median(near) <= median_bp


def test_the_smile_runs_through_the_stated_share_of_spreads(fitted):
    found, share, _ = fitted
    inside = np.concatenate([it.inside for _, it in found])
    used = np.array([0 if s is None else s.used for _, it in found for s in it.smiles])

    assert (inside * used).sum() / used.sum() >= share


def test_fitted_volatility_is_near_the_venues_own(fitted):
    """The venue's mark volatility is no quote and was not shown to the fit."""
    found, *_ = fitted
    off = []
    for board, it in found:
        chain = board.chain
        for row, smile in enumerate(it.smiles):
            mine = (it.use == Use.FITTED) & (chain.expiry == row)
            if smile is None or smile.is_flat or not mine.any():
                continue
            k = np.log(chain.strike[mine] / smile.forward)
            off.extend(np.abs(smile.vol(k) - np.array(board.venue_vol)[mine]))

    assert np.median(off) < 0.006


def test_every_quote_has_a_use_and_most_out_of_the_money_ones_are_fitted(fitted):
    found, *_ = fitted

    for _, it in found:
        assert set(it.use) <= set(Use)
        assert (it.use == Use.FITTED).sum() >= 0.3 * len(it.use)


def test_a_boards_forward_and_discount_come_from_one_line():
    path = DATA / "listed" / "spx_option_chain_2013-06-24_53d.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    with path.open(newline="") as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if all(float(row[name] or 0) > 0 for name in ("bid.c", "ask.c", "bid.p", "ask.p"))
        ]
    pairs = forwards.Pairs(
        strike=np.array([float(row["strike"]) for row in rows]),
        call_bid=np.array([float(row["bid.c"]) for row in rows]),
        call_ask=np.array([float(row["ask.c"]) for row in rows]),
        put_bid=np.array([float(row["bid.p"]) for row in rows]),
        put_ask=np.array([float(row["ask.p"]) for row in rows]),
    )

    found = forwards.linear_with_discount(pairs)

    assert found.pairs > 50
    assert found.value == pytest.approx(
        1_573.09, rel=0.006
    )  # the close, less two months' dividends
    assert 0.99 < found.discount < 1.005
