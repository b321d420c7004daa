"""Assets, instruments and the house's policy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from django.db import connection

from clearing import models, store
from clearing.domain import amounts
from clearing.domain.instrument import Instrument, InstrumentUnknown, Kind, Payoff, Status
from clearing.domain.policy import Policy


class AssetUnknown(InstrumentUnknown):
    code = "asset-unknown"
    says = "The house does not hold this asset."
    remedy = "Admit it first, or check its code."


def scales() -> dict[str, int]:
    return dict(models.Asset.objects.values_list("asset", "scale"))


def scale(asset: str) -> int:
    """Raises AssetUnknown."""
    found = models.Asset.objects.filter(asset=asset).values_list("scale", flat=True).first()
    if found is None:
        raise AssetUnknown(field="asset", asset=asset)
    return found


def shown(asset: str, minor: int, digits: Mapping[str, int] | None = None) -> str:
    """Minor units as the decimal string doors use."""
    return format(amounts.shown(minor, scale=(digits or scales())[asset]), "f")


def symbols(*, after: str = "", limit: int | None = None) -> list[str]:
    rows = models.Instrument.objects.filter(symbol__gt=after).order_by("symbol")
    return list(rows.values_list("symbol", flat=True)[:limit])


def instrument(symbol: str) -> Instrument:
    """Raises InstrumentUnknown."""
    found = instruments([symbol])
    if symbol not in found:
        raise InstrumentUnknown(field="symbol", symbol=symbol)
    return found[symbol]


def instruments(symbols: Iterable[str] | None = None) -> dict[str, Instrument]:
    """Resolved terms by symbol; all of them without an argument."""
    rows = models.Instrument.objects.order_by("symbol")
    if symbols is not None:
        rows = rows.filter(symbol__in=list(symbols))
    digits = scales()
    return {row.symbol: _resolved(row, digits) for row in rows}


def shared_instruments(symbols: Iterable[str]) -> dict[str, Instrument]:
    """The same, held as they are until the transaction ends; any number may share them.

    Taken before account streams are claimed, as `locked_instrument` is.
    """
    (rows,) = store.ask([sharing_question(symbols)])
    return shared_of(rows).terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Terms held as they are, by symbol, and the policy's band of the prices they trade at."""

    terms: dict[str, Instrument]
    band: Decimal


def sharing_question(symbols: Iterable[str]) -> store.Question:
    """One statement: it waits for whoever holds an instrument alone, and sees what they wrote."""
    return store.Question(_sharing(), [store.texts(list(symbols))])


def shared_of(rows: store.Rows) -> Shared:
    """The instruments a `sharing_question` was answered with."""
    terms = [_known(row[1:]) for row in rows]
    return Shared(
        terms={it.symbol: it for it in terms},
        band=Decimal(rows[0][0] or 0) if rows else Decimal(0),
    )


@lru_cache(maxsize=10_000)
def _known(row: tuple[Any, ...]) -> Instrument:
    """Resolved once for each content of a row. The row itself is read under its lock every time, so
    what was halted, expired or listed on other terms is another key here, never an old answer."""
    *columns, digits = row
    scales = dict(pair.rsplit(" ", 1) for pair in digits.split(","))
    row_again = models.Instrument(**dict(zip(_columns(), columns, strict=True)))
    return _resolved(row_again, {name: int(it) for name, it in scales.items()})


@cache
def _columns() -> tuple[str, ...]:
    return tuple(each.attname for each in models.Instrument._meta.concrete_fields)


@cache
def _sharing() -> str:
    columns = ", ".join(f'it."{name}"' for name in _columns())
    return f"""
        SELECT (SELECT price_band FROM clearing_housepolicy WHERE id = 1), {columns},
               (SELECT string_agg(asset || ' ' || scale, ',' ORDER BY asset) FROM clearing_asset)
        FROM clearing_instrument AS it WHERE symbol = ANY (%b::text[]) ORDER BY symbol FOR KEY SHARE
    """  # noqa: S608 - columns of ours


def locked_instrument(symbol: str) -> Instrument:
    """Held alone, after whoever shares it. Raises InstrumentUnknown."""
    locked_instruments([symbol])
    return instrument(symbol)


def locked_instruments(symbols: Iterable[str]) -> dict[str, Instrument]:
    """Many of them, each held alone, in the order of their names."""
    named = list(symbols)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM clearing_instrument WHERE symbol = ANY (%s) ORDER BY symbol FOR UPDATE",
            [named],
        )
    return instruments(named)


def expiring(*, at: datetime) -> list[str]:
    """Listed or halted instruments whose expiry has passed, in order of expiry."""
    rows = models.Instrument.objects.filter(expiry_at__lte=at, status__in=["listed", "halted"])
    return list(rows.order_by("expiry_at", "symbol").values_list("symbol", flat=True))


def _resolved(row: models.Instrument, digits: Mapping[str, int]) -> Instrument:
    return Instrument(
        symbol=row.symbol,
        kind=Kind(row.kind),
        payoff=Payoff(row.payoff),
        underlying=row.underlying,
        quote=row.quote,
        settlement=row.settlement,
        scale=digits[row.settlement],
        underlying_scale=digits[row.underlying],
        lot_size=Decimal(row.lot_size),
        tick_size=Decimal(row.tick_size),
        expiry_at=row.expiry_at,
        strike=Decimal(row.strike) if row.strike else None,
        is_call=row.option_type == "call" if row.option_type else None,
        status=Status(row.status),
        price_step=Decimal(row.price_step) if row.price_step else None,
        lowest_price=Decimal(row.lowest_price) if row.lowest_price else None,
        highest_price=Decimal(row.highest_price) if row.highest_price else None,
        successor=row.successor,
    )


def policy() -> Policy:
    row = models.HousePolicy.objects.filter(id=1).first()
    if row is None:
        return Policy()
    return Policy(
        price_max_age_seconds=row.price_max_age_seconds,
        penalty_rate=Decimal(row.penalty_rate),
        price_band=Decimal(row.price_band),
        margin_period_seconds=row.margin_period_seconds,
    )
