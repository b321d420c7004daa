"""How far from the mark somebody may trade, correct or move a position: policy (decision 0009)."""

from __future__ import annotations

from datetime import datetime

from clearing import selectors
from clearing.domain import instrument, prices
from clearing.domain.instrument import Instrument
from clearing.domain.prices import PriceSet, PriceStale


def marks(*, at: datetime) -> PriceSet | None:
    """The set in force at that time; None where there is none, or it was too old by then."""
    found = selectors.price_sets().filter(at__lte=at).first()
    if found is None:
        return None
    if (at - found.at).total_seconds() > selectors.policy().price_max_age_seconds:
        return None
    return selectors.prices_at(found.sequence).prices


def check_reported(it: Instrument, ticks: int, *, at: datetime) -> None:
    """A price a venue says was struck at that time; where no mark was in force then, any may be.
    Raises PriceOutsideBand."""
    band = selectors.policy().price_band
    sealed = marks(at=at) if band else None
    if sealed is not None:
        prices.check_band(sealed, it, price=instrument.price_of(it, ticks), band=band)


def check_agreed(it: Instrument, *, lots: int, value: int, ticks: int | None, at: datetime) -> None:
    """What members move lots for between themselves, named (`ticks`) or carried: no venue stands for
    it, so where the house has a band there has to be a mark. Raises PriceOutsideBand, PriceStale."""
    band = selectors.policy().price_band
    if not band:
        return
    sealed = marks(at=at)
    if sealed is None or it.symbol not in sealed.quotes:
        raise PriceStale(field="price", symbol=it.symbol)
    if ticks is None:
        prices.check_value(sealed, it, lots=lots, value=value, band=band)
    else:
        prices.check_band(sealed, it, price=instrument.price_of(it, ticks), band=band)
