"""What an asset is, beside its digits: money, a token, a leveraged token or a security."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from clearing.domain import amounts, codes
from clearing.domain.errors import Refusal
from clearing.domain.events import AssetDescribed

HIGHEST_LEVERAGE = 10


class AssetKind(StrEnum):
    FIAT = "fiat"  # a currency of ISO 4217
    TOKEN = "token"  # noqa: S105 - a digital token, with a DTI where it has one
    LEVERAGED_TOKEN = "leveraged-token"  # noqa: S105 - follows a multiple of its underlying's moves
    SECURITY = "security"


class AssetNotValid(Refusal):
    code = "asset-not-valid"
    says = "This does not describe an asset."


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetProfile:
    """`leverage` is what one per cent of the underlying moves the token by between two rebalances,
    in per cent: 3, or -1 for one that falls when the underlying rises. Empty where it has none."""

    asset: str
    kind: AssetKind
    iso4217: str = ""
    dti: str = ""
    isin: str = ""
    underlying: str = ""
    leverage: Decimal | None = None
    source: str = ""  # whose document says so


def describe(profile: AssetProfile, *, scale: int) -> AssetDescribed:
    """The fact. Raises AssetNotValid, CodeNotValid naming the field that is wrong."""
    kind = profile.kind
    if kind is AssetKind.FIAT:
        codes.check_currency(profile.iso4217 or profile.asset, scale=scale)
    _only(bool(profile.iso4217) <= (kind is AssetKind.FIAT), "iso4217", profile.iso4217)
    tokens = (AssetKind.TOKEN, AssetKind.LEVERAGED_TOKEN)
    _only(bool(profile.dti) <= (kind in tokens), "dti", profile.dti)
    if kind in tokens and codes.is_currency(profile.asset):
        raise AssetNotValid(field="kind", got=kind, why=f"{profile.asset} is a code of ISO 4217")
    if profile.dti:
        codes.check_dti(profile.dti)
    _only(bool(profile.isin) <= (kind is not AssetKind.FIAT), "isin", profile.isin)
    if profile.isin:
        codes.check_isin(profile.isin)
    _check_leverage(profile)
    return AssetDescribed(
        asset=profile.asset,
        kind=kind.value,
        iso4217=profile.iso4217 or (profile.asset if kind is AssetKind.FIAT else ""),
        dti=profile.dti,
        isin=profile.isin,
        underlying=profile.underlying,
        leverage="" if profile.leverage is None else format(profile.leverage, "f"),
        source=profile.source,
    )


def _check_leverage(profile: AssetProfile) -> None:
    leveraged = profile.kind is AssetKind.LEVERAGED_TOKEN
    if not leveraged:
        _only(profile.leverage is None, "leverage", profile.leverage)
        _only(not profile.underlying, "underlying", profile.underlying)
        return
    given = profile.leverage
    if given is None or not 0 < abs(given) <= HIGHEST_LEVERAGE:
        limits = f"not 0, and no more than {HIGHEST_LEVERAGE} either way"
        raise AssetNotValid(field="leverage", got=given, expected=limits)
    if not profile.underlying or profile.underlying == profile.asset:
        raise AssetNotValid(field="underlying", got=profile.underlying, expected="another asset")
    if not profile.source.strip():
        raise AssetNotValid(field="source", got="nothing", expected="whose document says so")


def leverage_of(text: str) -> Decimal | None:
    return amounts.decimal(text, field="leverage") if text else None


def _only(holds: bool, field: str, got: object) -> None:
    if not holds:
        raise AssetNotValid(field=field, got=got, why="an asset of this kind has none")
