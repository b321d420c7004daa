"""What others call our contracts and assets, and which of ours they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from decimal import Decimal
from itertools import islice
from typing import Any

from django.db.models import Q

from clearing import models
from clearing.domain import entries
from clearing.domain.amendment import CODES, Codes
from clearing.domain.asset import AssetKind, AssetProfile
from clearing.domain.fpml import Product
from clearing.selectors import log
from clearing.store import Recorded

KEPT = ("asset", "iso4217", "dti", "isin", "underlying", "source")


def codes(symbols: Iterable[str] | None = None) -> dict[str, Codes]:
    """Symbol -> codes, of those that have any; of all of them without an argument."""
    rows = models.InstrumentCodes.objects.order_by("symbol")
    if symbols is not None:
        rows = rows.filter(symbol__in=list(symbols))
    return {row.symbol: Codes(**{name: getattr(row, name) for name in CODES}) for row in rows}


def asset_profiles() -> dict[str, AssetProfile]:
    """Asset -> what it is, of those that were described."""
    return {
        row.asset: AssetProfile(
            kind=AssetKind(row.kind),
            leverage=Decimal(row.leverage) if row.leverage else None,
            **{name: getattr(row, name) for name in KEPT},
        )
        for row in models.AssetProfile.objects.order_by("asset")
    }


def assets(*, after: str = "", limit: int | None = None) -> list[dict[str, Any]]:
    """Assets past a name, in order, each with what it is; `kind` is None until it is described."""
    rows = list(models.Asset.objects.filter(asset__gt=after).order_by("asset")[:limit])
    described = asset_profiles()
    bare = dict.fromkeys(KEPT, "") | {"kind": None, "leverage": None}
    return [
        {
            **(asdict(described[row.asset]) if row.asset in described else bare),
            "asset": row.asset,
            "title": row.title,
            "scale": row.scale,
        }
        for row in rows
    ]


def terms_history(symbol: str, *, after: int = 0, limit: int | None = None) -> list[Recorded]:
    """An instrument's facts past a version, oldest first."""
    return list(islice(log.stream(f"instrument-{symbol}", after=after), limit))


def series_of(underlying: str) -> list[str]:
    """Symbols of the live contracts on an underlying that hold positions, in order."""
    rows = models.Instrument.objects.filter(
        underlying=underlying, status__in=["listed", "halted"]
    ).exclude(kind="spot")
    return list(rows.order_by("symbol").values_list("symbol", flat=True))


def positions_in(symbols: Iterable[str]) -> dict[str, Mapping[str, tuple[int, int]]]:
    """Account -> symbol -> (lots, cost), of everybody who holds or still carries any of them."""
    assets = [asset for it in symbols for asset in (entries.lots(it), entries.cost(it))]
    rows = models.Holding.objects.filter(asset__in=assets).order_by("account", "asset")
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for account, asset, amount in rows.values_list("account", "asset", "amount"):
        what, _, symbol = asset.partition(":")
        lots, cost = found.setdefault(account, {}).get(symbol, (0, 0))
        found[account][symbol] = (amount, cost) if what == "lots" else (lots, amount)
    return dict(found)


def described(product: Product) -> list[str]:
    """Symbols that a message may mean: those its ids name, or else the contracts of its kind and
    expiry on the underlying that they name."""
    ids = list(product.ids)
    by_code = models.InstrumentCodes.objects.filter(
        Q(isin__in=ids) | Q(venue_code__in=ids, mic=product.exchange)
    )
    found = set(by_code.values_list("symbol", flat=True))
    found |= set(models.Instrument.objects.filter(symbol__in=ids).values_list("symbol", flat=True))
    if found:
        return sorted(found)
    year, month, *_ = [*product.expiry.split("-"), "", ""]
    if not (year.isdigit() and month.isdigit()):
        return []
    assets = models.AssetProfile.objects.filter(isin__in=ids).values_list("asset", flat=True)
    rows = models.Instrument.objects.filter(underlying__in=[*ids, *assets], kind=product.kind)
    rows = rows.filter(status__in=["listed", "halted"])
    rows = rows.filter(expiry_at__year=int(year), expiry_at__month=int(month))
    return sorted(rows.values_list("symbol", flat=True))
