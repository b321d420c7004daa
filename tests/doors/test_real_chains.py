"""The real chains: every file seals, and what is sealed is what an independent sum says."""

from __future__ import annotations

import csv
import gzip
import random
import statistics
import time
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from clearing import selectors
from clearing.domain import clock
from config.feeds import chains, sealing
from config.feeds.sealing import Became
from tests.builders import CAUSE
from tests.doors.test_load_chain import facts, load, sealed_times
from tests.feed_rows import DATA, NO_DATA
from tests.seeds import seed_of

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=NO_DATA)

REAL = {
    "chain_6h_2026-01-28_2026-02-03.csv.gz": ("timestamp", "index_price", "underlying"),
    "chain_6h_2026-02-04_2026-02-10.csv.gz": ("timestamp", "index_price", "underlying"),
    "chain_weekly_2026-01-02_2026-05-29.csv.gz": ("timestamp", "index_price", "underlying"),
    "chain_btc_2020-05-21.csv": (None, "index_price", "underlying_price"),
    "chain_btc_eod_2021-07.csv.gz": ("quote_unixtime", None, "underlying_price"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", REAL)
def test_real_snapshots_seal_with_the_medians_of_their_rows(name):
    moment, index, forward = REAL[name]
    groups = defaultdict(list)
    opened = gzip.open if name.endswith(".gz") else open
    with opened(DATA / "deribit" / name, "rt") as file:
        for row in csv.DictReader(file):
            groups[row[moment] if moment else ""].append(row)
    found = list(chains.read_chain([DATA / "deribit" / name]))
    seed = seed_of("real_chains")
    print("seed", seed)

    assert [it.rows for it in found] == [len(rows) for rows in groups.values()]
    assert not any(it.refused for it in found)
    pairs = list(zip(found, groups.values(), strict=True))
    count = 1 if sum(it.rows for it in found) > 20_000 else min(3, len(pairs))
    picked = random.Random(seed).sample(range(len(pairs)), count)
    for place in sorted(picked):
        snapshot, rows = pairs[place]
        outcome = sealing.seal_snapshot(snapshot, cause=CAUSE)
        assert outcome.became is Became.SEALED
        prices = selectors.prices_at(outcome.sequence).prices
        assert prices == snapshot.prices
        assert {row["instrument_name"] for row in rows} <= set(prices.quotes)
        _check_medians(prices, rows, index=index, forward=forward)


def _check_medians(prices, rows, *, index, forward):
    forwards, indices = defaultdict(list), defaultdict(list)
    for row in rows:
        coin, day = row["instrument_name"].split("-")[:2]
        expiry = datetime.strptime(f"{day} 08 +0000", "%d%b%y %H %z")
        forwards[coin, expiry].append(Decimal(row[forward]))
        indices[coin].append(Decimal(row[index] if index else 0))
    assert {key: Decimal(it) for key, it in prices.forwards.items()} == {
        f"{coin} {clock.text(expiry)}": statistics.median(numbers)
        for (coin, expiry), numbers in forwards.items()
    }
    if index is None:
        nearest = min(forwards)
        wanted = {nearest[0]: statistics.median(forwards[nearest])}
    else:
        wanted = {coin: statistics.median(numbers) for coin, numbers in indices.items()}
    assert {coin: Decimal(it) for coin, it in prices.indices.items()} == wanted


@pytest.mark.django_db
def test_a_real_day_of_the_crash_has_its_perpetuals():
    code, _, err = load(
        DATA / "deribit" / "chain_6h_2026-02-04_2026-02-10.csv.gz",
        *("--since", "2026-02-05T12:00", "--until", "2026-02-05T18:00"),
    )

    prices = selectors.latest_prices().prices
    assert (code, err) == (0, "")
    for coin in ("BTC", "ETH"):
        away = Decimal(prices.quote(f"{coin}-PERPETUAL").mark) / prices.index(coin) - 1
        assert abs(away) < Decimal("0.014")


def test_modelled_marks_of_2021_lie_where_the_market_was():
    """Between bid and ask, give or take two ticks, for all but a few."""
    path = DATA / "deribit" / "chain_btc_eod_2021-07.csv.gz"
    found = {it.at: it for it in chains.read_chain([path])}
    outside = compared = 0
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            at = datetime.fromtimestamp(int(row["quote_unixtime"]), UTC)
            bid, ask = float(row["bid_price"]), float(row["ask_price"])
            if bid and ask:
                mark = float(found[at].prices.quotes[row["instrument_name"]].mark)
                compared += 1
                outside += not bid - 0.001 <= mark <= ask + 0.001

    assert compared > 5_000
    assert outside / compared < 0.02, f"{outside} of {compared}"


@pytest.mark.soak
def test_every_real_chain_loads_in_one_story(house, django_db_blocker):
    """All five files at once, then again; each six-hour file in well under a minute."""
    files = sorted((DATA / "deribit").glob("chain_*"))
    with django_db_blocker.unblock():
        started = time.monotonic()
        code, out, err = load(*files)
        seconds = time.monotonic() - started
        before = facts()
        again = load(*files)

        assert (code, err) == (0, "")
        assert len(sealed_times()) == len(set(sealed_times())) == 107
        assert sealed_times() == sorted(sealed_times())
        assert seconds < 120, out
        assert again[0] == 0
        assert facts() == before
