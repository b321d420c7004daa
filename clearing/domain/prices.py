"""What a sealed price set is: checked, complete in itself, and named by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from clearing.domain import amounts, clock, instrument
from clearing.domain.errors import Refusal
from clearing.domain.instrument import Instrument, Kind

MOST_QUOTES = 20_000


class PriceRefused(Refusal):
    code = "price-refused"
    says = "This price cannot be sealed."


class PriceMissing(Refusal):
    code = "price-missing"
    says = "The latest sealed set has no price for this."
    remedy = "Seal a set that quotes it."


class PriceOutsideBand(Refusal):
    code = "price-outside-band"
    says = "The price is too far from the sealed mark."
    remedy = "Check the report; a price this far away needs a mark that is nearer."


class PriceStale(Refusal):
    code = "price-stale"
    says = "The latest sealed prices are too old to decide on."
    remedy = "Seal a fresh set."


@dataclass(frozen=True, slots=True)
class Quote:
    """mark in the instrument's own quotation; vol as a fraction a year, options only."""

    mark: str
    vol: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a set was made of: enough for anybody to make it again from the batches named.

    batches     names of the batches of observations looked at, in order
    policy      the rules, as facts spell them
    sources     name -> kind, weight, what it may quote, standing
    rejections  hash of what was not heard, with its reasons
    """

    batches: tuple[str, ...]
    policy: Mapping[str, str]
    sources: Mapping[str, str]
    rejections: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSet:
    """One moment's prices, as decimal text.

    indices   asset -> price in the reporting currency
    forwards  "<underlying> <expiry>" -> forward of that expiry
    quotes    symbol -> Quote
    made_of   None for a set that one feed gave as a whole
    """

    at: datetime
    source: str
    simulated: bool
    indices: Mapping[str, str]
    forwards: Mapping[str, str]
    quotes: Mapping[str, Quote]
    made_of: Recipe | None = None

    def index(self, asset: str) -> Decimal:
        if asset not in self.indices:
            raise PriceMissing(field="index", asset=asset, at=clock.text(self.at))
        return Decimal(self.indices[asset])

    def quote(self, symbol: str) -> Quote:
        if symbol not in self.quotes:
            raise PriceMissing(field="symbol", symbol=symbol, at=clock.text(self.at))
        return self.quotes[symbol]

    def forward(self, it: Instrument) -> Decimal:
        key = forward_key(it)
        if key not in self.forwards:
            raise PriceMissing(field="forward", symbol=it.symbol, at=clock.text(self.at))
        return Decimal(self.forwards[key])


def forward_key(it: Instrument) -> str:
    assert it.expiry_at is not None
    return f"{it.underlying} {clock.text(it.expiry_at)}"


def content(prices: PriceSet) -> str:
    """Canonical JSON: the text that is hashed, stored and read back."""
    body: dict[str, Any] = {
        "at": clock.text(prices.at),
        "forwards": dict(prices.forwards),
        "indices": dict(prices.indices),
        "quotes": {symbol: [quote.mark, quote.vol] for symbol, quote in prices.quotes.items()},
        "simulated": prices.simulated,
        "source": prices.source,
    }
    if prices.made_of is not None:
        body["made_of"] = asdict(prices.made_of)
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def read(text: str) -> PriceSet:
    body = json.loads(text)
    recipe = body.get("made_of")
    return PriceSet(
        at=clock.parsed(body["at"]),
        source=body["source"],
        simulated=body["simulated"],
        indices=body["indices"],
        forwards=body["forwards"],
        quotes={symbol: Quote(mark, vol) for symbol, (mark, vol) in body["quotes"].items()},
        made_of=Recipe(**(recipe | {"batches": tuple(recipe["batches"])})) if recipe else None,
    )


def name_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def check(prices: PriceSet, instruments: Mapping[str, Instrument]) -> None:
    """A zero mark is right for a deep option; a zero index, forward or future is not.

    Raises PriceRefused naming the symbol and what is wrong with it, PriceMissing when an option's
    underlying or expiry has no index or forward.
    """
    if not prices.indices:
        raise PriceRefused(field="indices", reason="no index")
    if len(prices.quotes) > MOST_QUOTES:
        raise PriceRefused(field="quotes", count=len(prices.quotes), limit=MOST_QUOTES)
    for asset, index in prices.indices.items():
        _above_zero(index, field="index", symbol=asset)
    for key, forward in prices.forwards.items():
        _above_zero(forward, field="forward", symbol=key)
    for symbol, quote in prices.quotes.items():
        if symbol not in instruments:
            raise PriceRefused(field="symbol", symbol=symbol, reason="not listed")
        check_quote(prices, instruments[symbol], quote)


def check_quote(prices: PriceSet, it: Instrument, quote: Quote) -> None:
    """One instrument's part of `check`."""
    prices.index(it.underlying)
    if it.kind is not Kind.OPTION:
        _above_zero(quote.mark, field="mark", symbol=it.symbol)
        return
    if amounts.decimal(quote.mark, field="mark") < 0:
        raise PriceRefused(field="mark", symbol=it.symbol, got=quote.mark, reason="negative")
    if not quote.vol:
        raise PriceRefused(field="vol", symbol=it.symbol, reason="option with no volatility")
    _above_zero(quote.vol, field="vol", symbol=it.symbol)
    prices.forward(it)


def _above_zero(text: str, *, field: str, symbol: str) -> None:
    if amounts.decimal(text, field=field) <= 0:
        raise PriceRefused(field=field, symbol=symbol, got=text, reason="not above zero")


def check_band(prices: PriceSet, it: Instrument, *, price: Decimal, band: Decimal) -> None:
    """A trade's price is within the band of the sealed mark. Raises PriceOutsideBand.

    For an option the band is a share of the underlying's value, since its own mark may be next to
    nothing; for everything else a share of the mark. What the set does not quote has no band.
    """
    if it.symbol not in prices.quotes:
        return
    mark, room = _room(prices, it, band=band)
    if abs(price - mark) > room:
        raise PriceOutsideBand(field="price", got=price, mark=mark, band=band)


def check_value(prices: PriceSet, it: Instrument, *, lots: int, value: int, band: Decimal) -> None:
    """The same for lots that change hands for a value in minor units: it lies between what they are
    worth at the two ends of the band. Raises PriceOutsideBand."""
    if it.symbol not in prices.quotes:
        return
    mark, room = _room(prices, it, band=band)
    low = max(mark - room, Decimal(0) if it.kind is Kind.OPTION else it.tick_size)
    ends = [instrument.position_value(it, lots=lots, price=end) for end in (low, mark + room)]
    if not min(ends) <= value <= max(ends):
        raise PriceOutsideBand(field="price", got="what it is carried for", mark=mark, band=band)


def _room(prices: PriceSet, it: Instrument, *, band: Decimal) -> tuple[Decimal, Decimal]:
    """The mark, and how far a price may be from it."""
    mark = Decimal(prices.quotes[it.symbol].mark)
    if it.kind is not Kind.OPTION:
        return mark, band * mark
    return mark, band * (Decimal(1) if it.priced_in_coin else prices.index(it.underlying))


def check_fresh(*, sealed_at: datetime, at: datetime, max_age_seconds: int) -> None:
    """Raises PriceStale."""
    age = (at - sealed_at).total_seconds()
    if age > max_age_seconds:
        raise PriceStale(field="price_set", age_seconds=int(age), limit_seconds=max_age_seconds)
