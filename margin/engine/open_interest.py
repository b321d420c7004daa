"""Initial margin that rises with a market's open interest, in whole quanta and rounded as published.

Up to the lower cap the base rate is asked; from there it rises in a line and is the whole notional
at the upper cap and above. A cap of zero switches this off. Maintenance is a fraction of the base
margin and does not scale. Sources: dYdX v4 chain, liquidity tiers (initial margin, open interest
caps, maintenance fraction) and the perpetuals module (rounding).

Rates are millionths, and everything is exact: margins round up, rates round down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from margin.engine.reading import ParameterError, Section, Source, root_of
from margin.engine.shapes import Floats, Ints

MILLION = 1_000_000
NOTIONAL_LIMIT = 2**62  # what int64 holds with room for rounding up


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityTier:
    """Initial margin and maintenance fraction in millionths; caps in quanta of open notional."""

    name: str
    initial_ppm: int
    maintenance_fraction_ppm: int
    lower_cap: int
    upper_cap: int

    @property
    def maintenance_ppm(self) -> int:
        """Share of notional that maintenance comes to, rounded down."""
        return self.initial_ppm * self.maintenance_fraction_ppm // MILLION


def load_liquidity_tiers(source: Source) -> tuple[LiquidityTier, ...]:
    """Read liquidity tiers. Raises ParameterError naming the field."""
    root = root_of(source)
    root.text("name")
    root.text("source")
    read = tuple(_tier(name, section) for name, section in root.sections("liquidity_tiers"))
    root.finish()
    return read


def initial_rate(tier: LiquidityTier, *, open_interest: int) -> Fraction:
    """Share of notional asked when a market's open notional is `open_interest` quanta; at most 1."""
    base = Fraction(tier.initial_ppm, MILLION)
    if tier.upper_cap == 0:
        return base
    if open_interest >= tier.upper_cap:
        return Fraction(1)
    if open_interest <= tier.lower_cap:
        return base
    way = Fraction(open_interest - tier.lower_cap, tier.upper_cap - tier.lower_cap)
    return base + way * (1 - base)


def initial(notional: Ints, *, market: Ints, rates: Sequence[Fraction]) -> Ints:
    """(P,) quanta that positions need to be opened, rounded up once.

    notional  (P,) quanta, not negative
    market    (P,) row of `rates`
    rates     (M) what `initial_rate` says of each market
    """
    return rounded_up(notional, row=market, rates=rates)


def maintenance(notional: Ints, *, market: Ints, tiers: Sequence[LiquidityTier]) -> Ints:
    """(P,) quanta that positions must keep: the fraction of the base margin, each step rounded up.

    tiers  (M) the liquidity tier of each market
    """
    base = rounded_up(
        notional, row=market, rates=[Fraction(tier.initial_ppm, MILLION) for tier in tiers]
    )
    return rounded_up(
        base,
        row=market,
        rates=[Fraction(tier.maintenance_fraction_ppm, MILLION) for tier in tiers],
    )


def rounded_up(amounts: Ints, *, row: Ints, rates: Sequence[Fraction]) -> Ints:
    """(P,) the smallest whole number that is not below amount * rate, exactly.

    A product in floating point settles all those whose rounding cannot matter. Those that lie
    within its error of a whole number, which a round amount does, are worked out in integers.
    """
    assert amounts.dtype == np.int64
    assert ((amounts >= 0) & (amounts < NOTIONAL_LIMIT)).all()
    assert all(0 <= rate <= 1 for rate in rates)
    guess: Floats = amounts * np.array([float(rate) for rate in rates])[row]
    result: Ints = np.ceil(guess).astype(np.int64)
    # Three roundings of 2^-53 each: the amount's, the rate's and the product's.
    doubtful = np.abs(guess - np.rint(guess)) <= guess * 2.0**-51
    over = np.array([rate.numerator for rate in rates], object)[row[doubtful]]
    under = np.array([rate.denominator for rate in rates], object)[row[doubtful]]
    result[doubtful] = -(-amounts[doubtful].astype(object) * over // under)
    return result


def _tier(name: str, section: Section) -> LiquidityTier:
    read = LiquidityTier(
        name=name,
        initial_ppm=section.whole("initial_ppm", most=MILLION),
        maintenance_fraction_ppm=section.whole("maintenance_fraction_ppm", most=MILLION),
        lower_cap=section.whole("lower_cap"),
        upper_cap=section.whole("upper_cap"),
    )
    if read.lower_cap > read.upper_cap:
        raise ParameterError(section.at("lower_cap"), "must not be above the upper cap")
    section.finish()
    return read
