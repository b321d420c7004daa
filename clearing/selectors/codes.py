"""What others call our contracts and assets, and which of ours they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from django.db.models import Q

from clearing import models
from clearing.domain import entries
from clearing.domain.amendment import CODES, Codes
from clearing.domain.asset import AssetKind, AssetProfile
from clearing.domain.fpml import Product

KEPT = ("asset", "iso4217", "dti", "isin", "underlying", "source")


def codes(symbols: Iterable[str] | None = None) -> dict[str, Codes]:
    """Symbol -> codes, of those that have any; of all of them without an argument."""
    rows = models.InstrumentCodes.objects.order_by("symbol")
    if symbols is not None:
        rows = rows.filter(symbol__in=list(symbols))
    return {row.symbol: Codes(**{name: getattr(row, name) for name in CODES}) for row in rows}


def named(*, isin: str = "", mic: str = "", venue_code: str = "") -> list[str]:
    """Symbols that carry every code given, in order; none where none is given."""
    given = {"isin": isin, "mic": mic, "venue_code": venue_code}
    asked = {name: code for name, code in given.items() if code}
    if not asked:
        return []
    rows = models.InstrumentCodes.objects.filter(**asked).order_by("symbol")
    return list(rows.values_list("symbol", flat=True))


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


def series_of(underlying: str) -> list[str]:
    """Symbols of the live contracts on an underlying that hold positions, in order."""
    rows = models.Instrument.objects.filter(
        underlying=underlying, status__in=["listed", "halted"]
    ).exclude(kind="spot")
    return list(rows.order_by("symbol").values_list("symbol", flat=True))


def adjusted_on(underlying: str) -> list[str]:
    """Symbols of contracts on an underlying that were adjusted, in order."""
    rows = models.Instrument.objects.filter(underlying=underlying, status="adjusted")
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
