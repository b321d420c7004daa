"""One snapshot into the record: assets and instruments it needs, then its price set.

One decision: a refused set leaves nothing behind, no listing and no step of the clock. Doing it
again changes nothing. A contract the house lists already keeps the house's own lot and tick; if
it is another contract under that name, its quote is left out and refused by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from clearing import selectors, store
from clearing.domain import clock, prices
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.events import InstrumentListed
from clearing.domain.prices import PriceSet
from clearing.services import pricing, reference, timekeeping
from config.feeds import deribit
from config.feeds.deribit import Asset
from config.feeds.snapshots import Place, Snapshot
from config.feeds.tables import RowRefused, row_refused


class Became(StrEnum):
    SEALED = "sealed"
    KNOWN = "known"  # sealed before, with the same content
    EMPTY = "empty"  # no good row in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`refused` holds what the record would not take, beside what the snapshot refused itself."""

    became: Became
    sequence: int | None
    listed: int
    quotes: int
    refused: tuple[RowRefused, ...]


def check_story() -> None:
    """Past markets are told in a story. Raises ClockIsLive."""
    row = selectors.business_clock()
    if row is not None and row.mode == clock.LIVE:
        raise clock.ClockIsLive(mode=row.mode)


def seal_snapshot(snapshot: Snapshot, *, cause: Cause) -> Outcome:
    """Under business time: a story's clock is carried to the snapshot's time.

    Raises ClockIsLive, PriceOutOfOrder (a later set is in force and this one is not sealed yet),
    and what `pricing.seal` raises.
    """
    check_story()
    others, refused = other_contracts(snapshot.terms, places=snapshot.places, assets=deribit.ASSETS)
    found = _without(snapshot.prices, others)
    if not found.quotes:
        return Outcome(became=Became.EMPTY, sequence=None, listed=0, quotes=0, refused=refused)
    name = prices.name_of(prices.content(found))
    known = selectors.price_sets().filter(name=name).first()
    sequence, listed = (known.sequence, 0) if known else _seal(snapshot, found, cause=cause)
    return Outcome(
        became=Became.KNOWN if known else Became.SEALED,
        sequence=sequence,
        listed=listed,
        quotes=len(found.quotes),
        refused=refused,
    )


@store.decision
def _seal(snapshot: Snapshot, found: PriceSet, *, cause: Cause) -> tuple[int, int]:
    """Streams in their order: the clock, assets, prices, instruments."""
    stepped = timekeeping.reach(found.at, cause=cause)
    wanted = {symbol: snapshot.terms[symbol] for symbol in found.quotes}
    admit_assets(wanted, deribit.ASSETS, at=found.at, cause=cause)
    store.claim("prices")
    listed = list_unknown(wanted, at=found.at, cause=cause)
    sequence = pricing.seal(found, cause=cause.because_of(stepped) if stepped else cause)
    return sequence, listed


@store.decision
def list_for(
    terms: Mapping[str, InstrumentListed],
    *,
    assets: Mapping[str, Asset],
    at: datetime,
    cause: Cause,
) -> int:
    """Assets and instruments alone, without prices; how many instruments were new."""
    timekeeping.reach(at, cause=cause)
    admit_assets(terms, assets, at=at, cause=cause)
    return list_unknown(terms, at=at, cause=cause)


def admit_assets(
    terms: Mapping[str, InstrumentListed],
    assets: Mapping[str, Asset],
    *,
    at: datetime,
    cause: Cause,
) -> None:
    """What the terms name and the house does not hold yet; it keeps the digits of what it does."""
    known = selectors.scales()
    named = {it for row in terms.values() for it in (row.underlying, row.quote, row.settlement)}
    for asset in sorted(named - known.keys()):
        it = assets[asset]
        reference.admit_asset(asset, scale=it.scale, title=it.title, at=at, cause=cause)


def list_unknown(terms: Mapping[str, InstrumentListed], *, at: datetime, cause: Cause) -> int:
    known = selectors.instruments(terms)
    unknown = [listed for symbol, listed in terms.items() if symbol not in known]
    return len(reference.list_instruments(unknown, at=at, cause=cause)) if unknown else 0


def other_contracts(
    terms: Mapping[str, InstrumentListed],
    *,
    places: Mapping[str, Place],
    assets: Mapping[str, Asset],
) -> tuple[set[str], tuple[RowRefused, ...]]:
    """Symbols under which the house lists another contract, and a refusal for each."""
    digits = {asset: it.scale for asset, it in assets.items()} | selectors.scales()
    others = set()
    refused = []
    for symbol, known in selectors.instruments(terms).items():
        asked = reference.resolve(terms[symbol], digits=digits)
        own = replace(asked, lot_size=known.lot_size, tick_size=known.tick_size)
        if own == reference.replace_status(known):
            continue
        others.add(symbol)
        place = places.get(symbol, Place("derived", 0))
        why = other_contract(symbol)
        refused.append(row_refused(why, file=place.file, row=place.row, instrument=symbol))
    return others, tuple(refused)


def other_contract(symbol: str) -> Refusal:
    return reference.TermsDiffer(field="symbol", symbol=symbol)


def _without(found: PriceSet, symbols: Iterable[str]) -> PriceSet:
    left = {symbol: found.quotes[symbol] for symbol in found.quotes.keys() - set(symbols)}
    return replace(found, quotes=left) if len(left) < len(found.quotes) else found
