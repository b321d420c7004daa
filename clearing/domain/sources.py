"""Who may quote what, and by which rules many quotes become one price."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any

from clearing.domain import amounts
from clearing.domain.errors import Refusal

EVERYTHING = "*"
HEAVIEST = 10
_ASSET = re.compile(r"\*|[A-Za-z0-9.-]{1,20}")


class Kind(StrEnum):
    """An own venue's prints count in the median but never make the quorum of an index: collateral
    is not to be valued by the house's own order book alone."""

    VENUE = "venue"
    VENDOR = "vendor"
    OWN = "own"


class SourceNotValid(Refusal):
    code = "source-not-valid"
    says = "These terms do not make a source of prices."


class SourceUnknown(Refusal):
    code = "source-unknown"
    says = "No such source of prices is admitted."
    remedy = "Admit it first, or check its name."


class SourceAlreadyAdmitted(Refusal):
    code = "source-already-admitted"
    says = "The source is admitted already, on other terms."
    remedy = "Admit it under another name, or suspend it."


class PolicyNotValid(Refusal):
    code = "price-policy-not-valid"
    says = "Prices cannot be sealed by this policy."


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """weight counts in the median alone: for a quorum, and to tell who is outlying, one is one.

    quotes     underlyings it may quote, or `*`
    reporter   market identifier code whose credential reports for it; empty: files only
    """

    name: str
    kind: Kind
    weight: int = 1
    quotes: tuple[str, ...] = (EVERYTHING,)
    reporter: str = ""
    simulated: bool = False
    suspended: bool = False

    def may_quote(self, asset: str) -> bool:
        return EVERYTHING in self.quotes or asset in self.quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePolicy:
    """How a set is made of observations.

    cadence_seconds  a window closes at every whole multiple of it since 1970
    max_age_seconds  an older observation is stale
    quorum_*         distinct sources a price needs, by what it is of
    outlier_band     share of the median of the others beyond which one is outlying; delta-one
    option_band      the same share for options, of mark and volatility
    option_floor     what an option's mark may always differ by: a share of the underlying's value
    outlier_mads     ... unless the others themselves lie apart: so many median deviations are allowed
    divergence_band  those that are left may be so far apart and no farther; wider for options
    jump_band        a move from one's own last that somebody else must confirm; 0 for never
    pegged           assets worth one of the reporting currency where no set quotes them
    """

    cadence_seconds: int = 60
    max_age_seconds: int = 120
    quorum_index: int = 2
    quorum_forward: int = 2
    quorum_linear: int = 2
    quorum_option: int = 2
    outlier_band: Decimal = Decimal("0.05")
    option_band: Decimal = Decimal("0.2")
    option_floor: Decimal = Decimal("0.0005")
    outlier_mads: int = 3
    divergence_band: Decimal = Decimal("0.15")
    jump_band: Decimal = Decimal(0)
    pegged: tuple[str, ...] = ()

    @property
    def needs_several(self) -> bool:
        return any(getattr(self, name) > 1 for name in QUORUMS)

    @property
    def lookback_seconds(self) -> int:
        """How far back an observation is still looked at: stale ones are named, and a jump is told
        from the one before."""
        return 2 * self.max_age_seconds


QUORUMS = ("quorum_index", "quorum_forward", "quorum_linear", "quorum_option")
SHARES = ("outlier_band", "option_band", "option_floor", "divergence_band", "jump_band")
WHOLE = ("cadence_seconds", "max_age_seconds", "outlier_mads", *QUORUMS)
ONE_SOURCE = PricePolicy(quorum_index=1, quorum_forward=1, quorum_linear=1, quorum_option=1)


def check_source(it: Source) -> None:
    """Raises SourceNotValid."""
    if not (it.name and it.name.isascii() and it.name.isprintable() and " " not in it.name):
        raise SourceNotValid(field="source", got=it.name[:60])
    if len(it.name) > 20:
        raise SourceNotValid(field="source", got=it.name[:60], longest=20)
    if not 1 <= it.weight <= HEAVIEST:
        raise SourceNotValid(field="weight", got=it.weight, most=HEAVIEST)
    if not it.quotes or not all(_ASSET.fullmatch(asset) for asset in it.quotes):
        raise SourceNotValid(field="quotes", got=",".join(it.quotes), form="BTC,ETH or *")


def check_policy(it: PricePolicy) -> None:
    """Raises PolicyNotValid naming the first field that is wrong."""
    for name in ("cadence_seconds", "max_age_seconds", *QUORUMS):
        if getattr(it, name) < 1:
            raise PolicyNotValid(field=name, got=getattr(it, name), least=1)
    if it.outlier_mads < 2:
        # with fewer, honest sources could be called outlying because of a liar among the others
        raise PolicyNotValid(field="outlier_mads", got=it.outlier_mads, least=2)
    for name in SHARES:
        if not 0 <= getattr(it, name) <= 1:
            raise PolicyNotValid(field=name, got=getattr(it, name), form="a share from 0 to 1")
    if it.outlier_band == 0 or it.divergence_band < it.outlier_band:
        raise PolicyNotValid(field="outlier_band", got=it.outlier_band)


def spelled(policy: PricePolicy) -> dict[str, str | int]:
    """As facts and sets carry it."""
    found: dict[str, Any] = asdict(policy)
    shares = {name: format(found[name], "f") for name in SHARES}
    return found | shares | {"pegged": ",".join(policy.pegged)}


def policy_of(found: dict[str, Any]) -> PricePolicy:
    """From its spelling. Raises PolicyNotValid, NotANumber."""
    known = {it.name for it in fields(PricePolicy)}
    for name in found.keys() - known:
        raise PolicyNotValid(field=str(name)[:60], reason="not known")
    for name in (name for name in WHOLE if name in found):
        if not isinstance(found[name], int) or isinstance(found[name], bool):
            raise PolicyNotValid(field=name, got=str(found[name])[:60], form="a whole number")
    shares = {name: amounts.decimal(found[name], field=name) for name in SHARES if name in found}
    pegged = found.get("pegged", "")
    if not isinstance(pegged, str):
        raise PolicyNotValid(field="pegged", got=str(pegged)[:60], form="USDC,USDT")
    return PricePolicy(
        **(found | shares | {"pegged": tuple(name for name in pegged.split(",") if name)})
    )
