"""A chain becomes forwards and smiles; what is free money in it is listed, not smoothed away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from margin.engine import forwards, implied, smile, surface
from margin.engine.pricing import black_76
from margin.engine.smile import Smile
from margin.engine.surface import Chain, Fault, Limits, Use
from tests.oracle import surface as oracle

TRUE = ((0.04, 90_300.0), (0.25, 91_500.0), (1.0, 95_000.0))  # years, forward
MONEYNESS = np.exp(np.linspace(-0.45, 0.45, 19))


def true_smile(years: float, forward: float = 1.0, **but: float) -> Smile:
    """A usual one: half the money left of it, free of arbitrage, total variance growing in time."""
    usual = {
        "a": 0.20 * years,
        "b": 0.30 * years**0.5 * 0.5,
        "rho": -0.3,
        "m": 0.0,
        "sigma": 0.25,
    } | but
    return Smile(years=years, forward=forward, low=-0.45, high=0.45, error=0.0, used=19, **usual)


def a_chain(
    *, spread: float = 0.002, in_coin: bool = True, vols: dict[int, float] | None = None
) -> Chain:
    """Both sides of every strike on three expiries, quoted around the true smiles; `vols`
    multiplies the volatility of an expiry."""
    rows, bid, ask, strike, is_call = [], [], [], [], []
    for row, (years, forward) in enumerate(TRUE):
        level = (vols or {}).get(row, 1.0)
        strikes = np.round(forward * MONEYNESS, -2)
        deviation = level * np.sqrt(true_smile(years).variance(np.log(strikes / forward)))
        for side in (True, False):
            worth = black_76(
                forward=forward, strike=strikes, vol=deviation, years=1.0, is_call=side
            )
            worth = worth / forward if in_coin else worth
            half = spread * worth + (1e-7 if in_coin else 1e-7 * forward)
            bid.extend(worth - half)
            ask.extend(worth + half)
            strike.extend(strikes)
            is_call.extend([side] * len(strikes))
            rows.extend([row] * len(strikes))
    return Chain(
        years=np.array([years for years, _ in TRUE]),
        forward=np.full(len(TRUE), np.nan),
        expiry=np.array(rows, dtype=np.int64),
        strike=np.array(strike),
        is_call=np.array(is_call, dtype=np.bool_),
        bid=np.array(bid),
        ask=np.array(ask),
        age=np.zeros(len(rows)),
        in_coin=in_coin,
    )


def fitted(chain: Chain, **but: float) -> surface.Surface:
    return surface.fit(chain, limits=Limits(**but))


def at(chain: Chain, *, expiry: int, place: int, call: bool) -> int:
    """Row of the quote at that place among the strikes of an expiry."""
    return int(np.flatnonzero((chain.expiry == expiry) & (chain.is_call == call))[place])


def moved(chain: Chain, row: int, *, bid: float | None = None, ask: float | None = None) -> Chain:
    bids, asks = chain.bid.copy(), chain.ask.copy()
    bids[row] = bids[row] if bid is None else bid
    asks[row] = asks[row] if ask is None else ask
    return replace(chain, bid=bids, ask=asks)


@pytest.mark.parametrize("in_coin", [True, False])
def test_a_chain_without_arbitrage_gives_back_what_it_was_made_of(in_coin):
    chain = a_chain(in_coin=in_coin)

    found = fitted(chain)

    for (years, forward), it, fit in zip(TRUE, found.forwards, found.smiles, strict=True):
        assert it.value == pytest.approx(forward, rel=1e-6)
        k = np.linspace(fit.low, fit.high, 50)
        assert np.abs(fit.vol(k) - true_smile(years).vol(k)).max() < 2e-3
    assert found.violations == ()
    assert found.inside.min() > 0.9


def test_every_quote_is_used_or_it_is_said_why_not():
    chain = a_chain()
    out = {side: at(chain, expiry=1, place=15 if side else 3, call=side) for side in (True, False)}
    fifth = at(chain, expiry=1, place=16, call=True)
    chain = moved(chain, out[True], bid=np.nan)
    chain = moved(chain, out[False], bid=0.5, ask=0.4)
    chain = moved(chain, fifth, bid=1e-6)
    age = chain.age.copy()
    stale = at(chain, expiry=1, place=17, call=True)
    age[stale] = 901.0
    chain = replace(chain, age=age)
    above = at(chain, expiry=1, place=18, call=True)
    chain = moved(chain, above, bid=1.1, ask=1.2)

    use = fitted(chain).use

    assert use[out[True]] == Use.NO_QUOTE
    assert use[out[False]] == Use.CROSSED
    assert use[fifth] == Use.WIDE
    assert use[stale] == Use.STALE
    assert use[above] == Use.OUTSIDE
    assert (use[(chain.expiry == 0) & chain.is_call & (chain.strike < TRUE[0][1])] == 1).all()
    assert ((use == Use.FITTED) | (use == Use.IN_THE_MONEY)).sum() == len(use) - 5


def test_an_expiry_without_a_pair_has_no_forward_and_no_smile_unless_one_is_given():
    chain = a_chain()
    bid = np.where((chain.expiry == 2) & ~chain.is_call, np.nan, chain.bid)
    chain = replace(chain, bid=bid)

    found = fitted(chain)
    given = fitted(replace(chain, forward=np.array([np.nan, np.nan, TRUE[2][1]])))

    assert found.smiles[2] is None
    assert set(found.use[chain.expiry == 2]) == {Use.NO_FORWARD}
    assert found.smiles[0] is not None
    assert given.smiles[2] is not None
    assert given.forwards[2].value == TRUE[2][1]


def test_one_strike_that_is_off_does_not_move_the_forward():
    chain = a_chain()
    row = at(chain, expiry=1, place=9, call=True)
    off = moved(chain, row, bid=chain.bid[row] + 0.01, ask=chain.ask[row] + 0.01)

    found = fitted(off).forwards[1]

    assert found.value == pytest.approx(TRUE[1][1], rel=1e-4)
    assert found.gap_bp > 50, "and that strike is free money"
    assert Fault.PARITY in {it.fault for it in fitted(off).violations if it.expiry == 1}


def test_a_discount_factor_is_found_with_the_forward():
    forward, discount = 1_573.0, 0.98
    strike = np.linspace(1_300.0, 1_800.0, 21)
    middle = discount * (forward - strike)
    put = np.maximum(-middle, 0.0) + 5.0
    pairs = forwards.Pairs(
        strike=strike,
        call_bid=put + middle - 0.5,
        call_ask=put + middle + 0.5,
        put_bid=put - 0.5,
        put_ask=put + 0.5,
    )

    found = forwards.linear_with_discount(pairs)

    assert found.value == pytest.approx(forward, rel=1e-9)
    assert found.discount == pytest.approx(discount, rel=1e-9)
    few = forwards.Pairs(**{name: getattr(pairs, name)[:3] for name in forwards.Pairs.__slots__})
    assert forwards.linear_with_discount(few) == forwards.NONE


# --- free money -------------------------------------------------------------------------------


def faults(found: surface.Surface, fault: Fault) -> list[surface.Violation]:
    return [it for it in found.violations if it.fault is fault]


@pytest.mark.parametrize("in_coin", [True, False])
def test_a_butterfly_that_pays_to_be_held_is_listed_with_its_strike_and_size(in_coin):
    chain = a_chain(in_coin=in_coin)
    row = at(chain, expiry=1, place=12, call=True)
    unit = 1.0 if in_coin else TRUE[1][1]
    rich = moved(chain, row, bid=chain.bid[row] + 0.01 * unit, ask=chain.ask[row] + 0.01 * unit)

    found = faults(fitted(rich), Fault.BUTTERFLY)

    assert [(it.expiry, it.strike) for it in found] == [(1, chain.strike[row])]
    assert 0.005 < found[0].size < 0.01


def test_a_call_dearer_than_one_of_a_lower_strike_is_listed():
    chain = a_chain()
    low = at(chain, expiry=0, place=12, call=True)
    dear = moved(chain, low + 1, bid=chain.ask[low] + 0.001, ask=chain.ask[low] + 0.002)

    found = faults(fitted(dear), Fault.VERTICAL)

    assert [(it.expiry, it.strike) for it in found] == [(0, chain.strike[low])]
    assert found[0].size == pytest.approx(0.001)


def test_a_put_that_rises_by_more_than_the_strikes_is_listed():
    chain = replace(a_chain(), forward=np.array([forward for _, forward in TRUE]))
    low = at(chain, expiry=0, place=9, call=False)
    step = (chain.strike[low + 1] - chain.strike[low]) / TRUE[0][1]
    dear = chain.ask[low] + step + 0.001
    found = faults(fitted(moved(chain, low + 1, bid=dear, ask=dear + 1e-4)), Fault.VERTICAL)

    assert [(it.expiry, it.strike) for it in found] == [(0, chain.strike[low])]
    assert found[0].size == pytest.approx(0.001, rel=1e-9)


def test_total_variance_that_falls_with_time_is_listed_and_stays_in_the_surface():
    found = fitted(a_chain(vols={1: 3.0}))

    calendar = faults(found, Fault.CALENDAR)

    assert [(it.expiry, it.other) for it in calendar] == [(1, 2)]
    early, late = found.smiles[1], found.smiles[2]
    k = np.log(calendar[0].strike / late.forward)
    lost = early.variance(np.array([k])) - late.variance(np.array([k]))
    assert calendar[0].size == pytest.approx(float(lost[0]), rel=1e-9)


def test_a_smile_that_implies_a_negative_density_is_listed():
    """The example of Axel Vogt, arbitrage-free to look at and not in truth (Gatheral, Jacquier)."""
    vogt = Smile(
        years=1.0, forward=1.0, a=-0.0410, b=0.1331, rho=0.3060, m=0.3586, sigma=0.4153,
        low=-1.5, high=1.5, error=0.0, used=9,
    )  # fmt: skip

    (found,) = surface.in_smiles([vogt])

    assert found.fault is Fault.DENSITY
    k = float(np.log(found.strike))
    numbers = (vogt.a, vogt.b, vogt.rho, vogt.m, vogt.sigma)
    assert 0.5 < k < 1.5
    assert oracle.density(numbers, k) < 0.0 < oracle.density(numbers, 0.0)


def test_a_fit_keeps_away_from_a_negative_density_and_says_how_far_it_is():
    """Volatilities of Vogt's smile cannot be met without one: the fit trades nearness for it."""
    k = np.linspace(-1.5, 1.5, 31)
    vol = np.sqrt(smile.raw(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153, k))

    found = smile.fit(k=k, vol=vol, half_spread=np.full(31, 0.01), years=1.0, forward=1.0)

    assert smile.density_factor(found, k).min() > -0.01
    assert 1e-4 < found.error < 0.02


# --- beside the oracle, and properties --------------------------------------------------------

SMILES = st.builds(
    true_smile,
    st.floats(0.01, 2.0),
    a=st.floats(0.001, 0.2),
    b=st.floats(0.01, 0.4),
    rho=st.floats(-0.9, 0.9),
    m=st.floats(-0.2, 0.2),
    sigma=st.floats(0.05, 0.5),
)


def numbers(it: Smile) -> oracle.Numbers:
    return it.a, it.b, it.rho, it.m, it.sigma


@given(
    st.lists(SMILES, min_size=1, max_size=4, unique_by=lambda it: it.years),
    st.floats(0.005, 3.0),
    st.floats(0.5, 2.0),
)
def test_between_expiries_it_is_as_the_oracle_says(found, years, strike):
    ordered = [
        replace(it, forward=1.0 + 0.1 * it.years) for it in sorted(found, key=lambda it: it.years)
    ]

    vol = surface.vol_at(tuple(ordered), years=years, strike=np.array([strike]))

    expected = oracle.interpolated(
        [(it.years, it.forward, numbers(it)) for it in ordered], years=years, strike=strike
    )
    assert float(vol[0]) == pytest.approx(expected, rel=1e-9)


@given(SMILES, st.floats(-0.4, 0.4))
def test_a_density_below_zero_is_found_where_the_oracle_finds_it(it, k):
    factor = float(smile.density_factor(it, np.array([k]))[0])
    density = oracle.density(numbers(it), k)

    if abs(factor) > 1e-2:
        assert (factor > 0.0) == (density > -1e-6)


@given(st.floats(0.02, 3.0), st.floats(-0.6, 0.6), st.booleans())
def test_a_volatility_is_found_back_from_its_price(deviation, k, is_call):
    moneyness = float(np.exp(k))
    price = (oracle.call if is_call else oracle.put)(moneyness, deviation**2)
    low, high = implied.bounds(moneyness=np.array([moneyness]), is_call=np.array([is_call]))
    worth = price - low[0]

    found = implied.deviation(
        price=np.array([price]), moneyness=np.array([moneyness]), is_call=np.array([is_call])
    )

    if worth > 1e-9 and high[0] - price > 1e-9:
        again = (oracle.call if is_call else oracle.put)(moneyness, float(found[0]) ** 2)
        assert again == pytest.approx(price, abs=1e-11)


@pytest.mark.parametrize("price", [-0.1, 0.0, 0.05, 1.0, 1.5])
def test_a_price_outside_its_bounds_has_no_volatility(price):
    found = implied.deviation(
        price=np.array([price]), moneyness=np.array([0.95]), is_call=np.array([True])
    )

    assert np.isnan(found).all()


@given(SMILES)
@settings(max_examples=25, deadline=None)
def test_fitting_a_smile_of_the_family_gives_it_back(it):
    k = np.linspace(-0.4, 0.4, 25)
    if smile.density_factor(it, smile.grid(-0.4, 0.4, beyond=0.5)).min() < 0.01:
        return

    found = smile.fit(
        k=k, vol=it.vol(k), half_spread=np.full(25, 0.01), years=it.years, forward=1.0
    )

    assert np.abs(found.vol(k) - it.vol(k)).max() < 0.01
    assert found.b * (1 + abs(found.rho)) <= smile.STEEPEST + 1e-9


def test_the_order_of_quotes_does_not_matter():
    chain = a_chain()
    order = np.random.default_rng(1).permutation(len(chain.strike))
    shuffled = replace(
        chain,
        **{
            name: getattr(chain, name)[order]
            for name in ("expiry", "strike", "is_call", "bid", "ask", "age")
        },
    )

    one, other = fitted(chain), fitted(shuffled)

    assert one.smiles == other.smiles
    assert one.forwards == other.forwards
    assert (one.use[order] == other.use).all()


def test_volatilities_alone_make_smiles_too():
    chain = a_chain()
    k = np.log(chain.strike / np.array([forward for _, forward in TRUE])[chain.expiry])
    vol = np.array(
        [
            float(true_smile(TRUE[row][0]).vol(np.array([at]))[0])
            for row, at in zip(chain.expiry, k, strict=True)
        ]
    )

    found = surface.through_vols(
        years=np.array([0.04, 0.25, 1.0, 2.0]),
        forward=np.array([forward for _, forward in TRUE] + [100_000.0]),
        expiry=chain.expiry,
        strike=chain.strike,
        vol=vol,
    )

    assert found[3] is None
    assert all(it.error < 1e-3 for it in found[:3])
