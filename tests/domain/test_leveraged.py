"""Leveraged tokens: what they are, and what a gap takes from them."""

from __future__ import annotations

import csv
import gzip
from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import asset
from clearing.domain.asset import AssetKind, AssetNotValid, AssetProfile
from clearing.domain.codes import CodeNotValid
from clearing.domain.leveraged import (
    Gap,
    GapNotValid,
    gap_haircut,
    value_after_gap,
    worst_gap,
)
from tests.feed_rows import DATA, NO_DATA

SHARES = st.decimals(0, 1, places=4)
LEVERAGE = st.decimals(-10, 10, places=1).filter(lambda it: it != 0)


def a_gap(move: str = "0.20", source: str = "daily closes") -> Gap:
    return Gap(underlying="BTC", move=D(move), source=source)


@pytest.mark.parametrize(
    ("base", "leverage", "move", "haircut"),
    [
        ("0.05", "1", "0.20", "0.25"),
        ("0.05", "2", "0.20", "0.45"),
        ("0.05", "3", "0.20", "0.65"),
        ("0.05", "5", "0.20", "1"),
        ("0.05", "-1", "0.20", "0.25"),
        ("0.05", "-3", "0.35", "1"),
        ("0.10", "3", "0", "0.10"),
        ("0", "3", "0.3333", "0.9999"),
        ("1", "3", "0.2", "1"),
        ("0", "-1", "1.5", "1"),  # what rises may more than double
    ],
)
def test_a_table_of_haircuts(base, leverage, move, haircut):
    assert gap_haircut(base=D(base), leverage=D(leverage), gap=a_gap(move)) == D(haircut)


@given(SHARES, LEVERAGE, SHARES)
def test_what_counts_is_never_more_than_what_the_gap_leaves(base, leverage, move):
    counted = 1 - gap_haircut(
        base=base, leverage=leverage, gap=Gap(underlying="BTC", move=move, source="drawn")
    )

    adverse = -move if leverage > 0 else move
    assert 0 <= counted <= value_after_gap(value=D(1), leverage=leverage, move=adverse)


@given(SHARES, SHARES, st.decimals(D("0.1"), 5, places=1))
def test_more_leverage_is_never_cut_less(base, move, leverage):
    gap = Gap(underlying="BTC", move=move, source="drawn")
    cut = [gap_haircut(base=base, leverage=it, gap=gap) for it in (leverage, 2 * leverage)]

    assert cut == sorted(cut)


@pytest.mark.parametrize(
    ("but", "field"),
    [
        ({"base": D("1.1")}, "base"),
        ({"base": D("-0.1")}, "base"),
        ({"leverage": D(0)}, "leverage"),
        ({"gap": a_gap("-0.1")}, "gap"),
        ({"gap": a_gap("1.1")}, "gap"),
        ({"gap": a_gap(source=" ")}, "source"),
    ],
)
def test_what_makes_no_haircut_is_refused(but, field):
    usual = {"base": D("0.05"), "leverage": D(3), "gap": a_gap()}

    with pytest.raises(GapNotValid) as refused:
        gap_haircut(**(usual | but))

    assert refused.value.field == field


def test_the_worst_gap_is_the_worst_move_against_the_token():
    prices = [D(100), D(80), D(120), D(90)]

    assert worst_gap(prices, leverage=D(3)) == D("0.25")
    assert worst_gap(prices, leverage=D(-1)) == D("0.5")
    assert worst_gap([D(1), D(2)], leverage=D(3)) == 0
    for wrong in ([D(1)], [D(1), D(0)]):
        with pytest.raises(GapNotValid):
            worst_gap(wrong, leverage=D(3))


@pytest.mark.skipif(not DATA.is_dir(), reason=NO_DATA)
def test_a_three_times_bitcoin_token_was_worth_nothing_on_12_march_2020():
    """Daily closes from 2020 to 2025: -39 % in one day, so 3x is lost whole and 1x by 44 %."""
    path = DATA / "crypto" / "spot_daily_coinbase_2020-01-01_2025-10-25.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = [it for it in csv.DictReader(file) if it["base"] == "BTC"]
    closes = [D(row["close"]) for row in rows]

    fall = worst_gap(closes, leverage=D(3))

    assert D("0.38") < fall < D("0.40")
    gap = Gap(underlying="BTC", move=fall, source=path.name)
    assert gap_haircut(base=D("0.05"), leverage=D(3), gap=gap) == 1
    assert D("0.43") < gap_haircut(base=D("0.05"), leverage=D(1), gap=gap) < D("0.45")


# --- what an asset is -----------------------------------------------------------------------------


def a_token(**but):
    usual = {
        "asset": "BTC3L",
        "kind": AssetKind.LEVERAGED_TOKEN,
        "underlying": "BTC",
        "leverage": D(3),
        "source": "issuer's prospectus",
    }
    return AssetProfile(**(usual | but))


def test_a_leveraged_token_says_of_what_and_how_much():
    fact = asset.describe(a_token(), scale=8)

    assert (fact.kind, fact.underlying, fact.leverage) == ("leveraged-token", "BTC", "3")


def test_money_is_its_code_and_tokens_have_none():
    money = AssetProfile(asset="USD", kind=AssetKind.FIAT)
    ether = AssetProfile(asset="ETH", kind=AssetKind.TOKEN, dti="X9J9K872S")

    assert asset.describe(money, scale=2).iso4217 == "USD"
    assert asset.describe(ether, scale=9).dti == "X9J9K872S"


@pytest.mark.parametrize(
    ("profile", "scale", "field"),
    [
        (AssetProfile(asset="USD", kind=AssetKind.FIAT), 6, "iso4217"),
        (AssetProfile(asset="BTC", kind=AssetKind.FIAT), 8, "iso4217"),
        (AssetProfile(asset="BTC", kind=AssetKind.TOKEN, iso4217="USD"), 8, "iso4217"),
        (AssetProfile(asset="USD", kind=AssetKind.TOKEN), 2, "kind"),
        (AssetProfile(asset="ETH", kind=AssetKind.TOKEN, dti="X9J9K872T"), 9, "dti"),
        (AssetProfile(asset="AAPL", kind=AssetKind.SECURITY, dti="X9J9K872S"), 0, "dti"),
        (AssetProfile(asset="AAPL", kind=AssetKind.SECURITY, isin="US0378331006"), 0, "isin"),
        (AssetProfile(asset="AAPL", kind=AssetKind.SECURITY, leverage=D(2)), 0, "leverage"),
        (a_token(leverage=None), 8, "leverage"),
        (a_token(leverage=D(11)), 8, "leverage"),
        (a_token(leverage=D(0)), 8, "leverage"),
        (a_token(underlying=""), 8, "underlying"),
        (a_token(underlying="BTC3L"), 8, "underlying"),
        (a_token(source=""), 8, "source"),
    ],
)
def test_what_describes_no_asset_is_refused(profile, scale, field):
    with pytest.raises((AssetNotValid, CodeNotValid)) as refused:
        asset.describe(profile, scale=scale)

    assert refused.value.field == field
