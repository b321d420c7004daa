"""What collateral counts for: each cut by its rule, in its order, and never more than it is worth."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.domain import collateral
from clearing.domain.collateral import CUTS, Leverage, Setting, Valued, value
from clearing.domain.leveraged import Gap
from clearing.domain.schedule import Schedule, Terms
from tests.oracle import eligible as oracle

SCALES = {"USD": 2, "BTC": 8, "PEGD": 6, "NOTE": 0}
PRICES = {"BTC": Decimal(50_000), "PEGD": Decimal("0.999"), "NOTE": Decimal("100.5")}


def terms(asset: str, **but: Any) -> Terms:
    decimals = {name: Decimal(it) for name, it in but.items() if name not in NAMES}
    return Terms(asset=asset, admitted=True, **{**but, **decimals})


NAMES = ("issuer", "underlying", "peg")


def setting(*found: Terms, **but: Any) -> Setting:
    schedule = Schedule(reporting="USD", terms={it.asset: it for it in found})
    return Setting(**({"schedule": schedule, "prices": PRICES, "scales": SCALES} | but))


def one(asset: str, units: int, on: Setting, **others: int) -> Valued:
    return next(it for it in value({asset: units, **others}, on=on) if it.asset == asset)


BTC = 10**8


def test_without_any_rule_an_admitted_asset_counts_for_what_it_is_worth():
    found = one("BTC", 2 * BTC, setting(terms("BTC")))

    assert (found.market, found.eligible, found.cut) == (10_000_000, 10_000_000, 0)


def test_the_reporting_asset_counts_in_full_without_being_named():
    assert one("USD", 12_345, setting()).eligible == 12_345


def test_what_the_schedule_does_not_name_counts_for_nothing():
    found = one("NOTE", 3, setting(terms("BTC")))

    assert (found.market, found.eligible, found.cuts["not_admitted"]) == (30_150, 0, 30_150)
    assert found.why == collateral.NOT_ADMITTED


def test_what_has_no_sealed_price_counts_for_nothing():
    found = one("BTC", BTC, setting(terms("BTC"), prices={}))

    assert (found.market, found.eligible, found.why) == (0, 0, collateral.NO_PRICE)


def test_what_is_owed_is_no_collateral():
    assert value({"BTC": -BTC, "USD": 0}, on=setting(terms("BTC"))) == []


def test_a_haircut_is_rounded_up_and_a_value_down():
    found = one("NOTE", 1, setting(terms("NOTE", haircut="0.3333333")))

    assert (found.market, found.cuts["haircut"]) == (10_050, 3_350)  # 3349.999...
    assert one("BTC", 1, setting(terms("BTC"))).market == 0  # 0.05 cents


def test_the_limit_is_on_what_the_haircut_leaves():
    """100,000 less 10 % is 90,000, of which 60,000 count; not 60,000 less 10 %."""
    found = one("BTC", 2 * BTC, setting(terms("BTC", haircut="0.1", account_limit="60000")))

    assert list(found.left) == [10_000_000, 9_000_000, 9_000_000, 6_000_000, 6_000_000, 6_000_000]
    assert found.cuts["concentration"] == 3_000_000


def test_a_members_limit_is_shared_by_what_each_account_has():
    on = setting(terms("BTC", member_limit="60000"), elsewhere={"BTC": 3 * BTC})

    assert one("BTC", BTC, on).eligible == 1_500_000  # a quarter of 60,000


def test_a_share_is_of_all_the_members_collateral_after_haircuts():
    """BTC 50,000 less 20 % is 40,000 and cash 60,000: 30 % of 100,000 counts."""
    on = setting(terms("BTC", haircut="0.2", member_share="0.3"))

    assert one("BTC", BTC, on, USD=6_000_000).eligible == 3_000_000


def test_the_issuers_own_paper_is_cut_wholly_and_anothers_not():
    rule = terms("NOTE", issuer="NORTH", wrong_way_cut="0.8")

    assert one("NOTE", 10, setting(rule, member_id="NORTH")).eligible == 20_100
    assert one("NOTE", 10, setting(rule, member_id="SOUTH")).eligible == 100_500


def test_what_falls_with_the_accounts_own_bet_is_cut_as_far_as_the_bet_goes():
    rule = terms("BTC", underlying="BTC", wrong_way_cut="0.5")

    assert one("BTC", BTC, setting(rule, exposure={"BTC": 1_000_000})).eligible == 4_500_000
    assert one("BTC", BTC, setting(rule, exposure={"BTC": 99_000_000})).eligible == 2_500_000


def test_a_hedge_is_no_wrong_way():
    rule = terms("BTC", underlying="BTC", wrong_way_cut="0.5")

    assert one("BTC", BTC, setting(rule, exposure={"BTC": -9_000_000})).eligible == 5_000_000


PEG = {"peg": "USD", "depeg_threshold": "0.02", "depeg_cut": "0.1"}


@pytest.mark.parametrize(
    ("price", "counts"),
    [
        ("1.05", 100_00),  # no more than the peg
        ("1", 100_00),
        ("0.99", 99_00),  # its price, within the threshold
        ("0.98", 98_00 - 9_80),  # one step
        ("0.95", 95_00 - 19_00),  # two
        ("0.65", 0),  # seventeen steps of a tenth
    ],
)
def test_a_stable_coin_counts_at_its_price_or_its_peg_and_less_by_each_step(price, counts):
    on = setting(terms("PEGD", **PEG), prices={"PEGD": Decimal(price)})

    assert one("PEGD", 100_000_000, on).eligible == counts


def test_a_peg_without_a_price_cuts_nothing():
    rule = terms("PEGD", peg="BTC", depeg_threshold="0.02", depeg_cut="1")
    on = setting(rule, prices={"PEGD": Decimal("0.5")})

    assert one("PEGD", 1_000_000, on).eligible == 50


def a_token(times: str, *, move: str = "", haircut: str = "0.1") -> Setting:
    """BTC as a token on ETH."""
    gap = Gap(underlying="ETH", move=Decimal(move or 0), source="a bad day")
    schedule = Schedule(
        reporting="USD",
        terms={"BTC": terms("BTC", haircut=haircut)},
        gaps={"ETH": gap} if move else {},
    )
    follows = {"BTC": Leverage(underlying="ETH", times=Decimal(times))}
    return setting(schedule=schedule, leveraged=follows)


@pytest.mark.parametrize(
    ("times", "move", "counts"),
    [("3", "0.2", 1_500_000), ("-3", "0.2", 1_500_000), ("3", "0.3", 0), ("3", "0.9", 0)],
)
def test_a_leveraged_token_is_cut_by_what_its_underlying_may_do_as_well(times, move, counts):
    found = one("BTC", BTC, a_token(times, move=move))

    assert found.eligible == counts
    assert found.cuts["haircut"] == 500_000
    assert (found.cuts["gap"], found.why) == (4_500_000 - counts, "")


def test_a_leveraged_token_whose_underlying_has_no_gap_set_counts_for_nothing_and_says_so():
    found = one("BTC", BTC, a_token("3"))

    assert (found.market, found.eligible, found.why) == (5_000_000, 0, collateral.NO_GAP)


@given(
    st.integers(0, 10**13),
    st.integers(1, 10**9),
    st.decimals("-5", "5", places=1).filter(bool),
    st.decimals("0", "1", places=3),
    st.decimals("0", "1", places=4),
)
def test_the_two_cuts_of_a_token_are_never_less_than_the_formula_and_grow_with_it(
    units, more, times, move, base
):
    on = a_token(str(times), move=str(move), haircut=str(base))
    found, larger = one("BTC", units + 1, on), one("BTC", units + 1 + more, on)

    share = min(Fraction(1), Fraction(base) + abs(Fraction(times)) * Fraction(move))
    exact = found.market * (1 - share)
    assert exact - 2 <= found.eligible <= exact
    assert larger.eligible >= found.eligible


def test_the_order_of_the_cuts_is_what_is_documented():
    assert list(CUTS) == [
        *("not_admitted", "haircut", "gap", "concentration", "wrong_way", "depeg")
    ]


# --- properties ---------------------------------------------------------------------------------

SHARES = st.decimals("0", "1", places=4)
LIMITS = st.none() | st.decimals("0", "1000000", places=2)
UNITS = st.integers(0, 10**13)
ASSETS = ("BTC", "PEGD", "NOTE")


@st.composite
def settings_(draw: Any) -> Setting:
    found = [
        Terms(
            asset=asset,
            admitted=draw(st.booleans()) or asset == "BTC",
            haircut=draw(SHARES),
            account_limit=draw(LIMITS),
            member_limit=draw(LIMITS),
            member_share=draw(st.none() | SHARES),
            issuer=draw(st.sampled_from(["", "NORTH"])),
            underlying=draw(st.sampled_from(["", "BTC"])),
            wrong_way_cut=draw(SHARES),
            peg=draw(st.sampled_from(["", "USD", "BTC"])),
            depeg_threshold=draw(st.decimals("0.001", "0.5", places=3)),
            depeg_cut=draw(SHARES),
        )
        for asset in ASSETS
    ]
    prices = {asset: draw(st.decimals("0.0001", "100000", places=4)) for asset in ASSETS}
    return setting(
        *found,
        prices=prices,
        member_id=draw(st.sampled_from(["NORTH", "SOUTH"])),
        elsewhere=draw(st.dictionaries(st.sampled_from([*ASSETS, "USD"]), UNITS)),
        exposure={"BTC": draw(st.integers(-(10**12), 10**12))},
    )


HELD = st.dictionaries(st.sampled_from([*ASSETS, "USD"]), UNITS)


@given(HELD, settings_())
def test_what_counts_is_between_nothing_and_the_market_value(held, on):
    for it in value(held, on=on):
        steps = (it.market, *it.left, 0)
        assert list(steps) == sorted(steps, reverse=True)
        assert it.cut == sum(it.cuts.values())


@given(HELD, settings_(), st.sampled_from([*ASSETS, "USD"]), st.integers(1, 10**12))
def test_more_collateral_never_counts_for_less(held, on, asset, more):
    before = {it.asset: it.eligible for it in value(held, on=on)}
    after = value({**held, asset: held.get(asset, 0) + more}, on=on)

    assert all(it.eligible >= before.get(it.asset, 0) for it in after)


@given(HELD, settings_())
def test_a_slow_and_obvious_reading_of_the_rules_agrees(held, on):
    for it in value(held, on=on):
        expected = oracle.eligible_value(
            it.asset,
            held,
            elsewhere=dict(on.elsewhere),
            rules={asset: _plain(each) for asset, each in on.schedule.terms.items()},
            prices={asset: str(price) for asset, price in on.prices.items()},
            digits=SCALES,
            reporting="USD",
            member=on.member_id,
            exposure=dict(on.exposure),
        )
        assert it.eligible == expected


def _plain(it: Terms) -> dict[str, Any]:
    found = {name: getattr(it, name) for name in it.__dataclass_fields__}
    return {
        name: str(value) if isinstance(value, Decimal) else value for name, value in found.items()
    }
