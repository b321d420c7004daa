"""What collateral counts for: its market value, less cuts that are each taken once and named.

Everything is whole minor units of the reporting asset. A value is rounded down and a cut up, against
whoever pledges, so what counts is never more than what it is worth. Each cut is taken from what the
one before it left, in the order of `CUTS`, and leaves more when it is given more: more collateral
never counts for less.

    not admitted   all of it, where the schedule does not take the asset
    haircut        a share
    gap            a share of a leveraged token: what its underlying may do before it is rebalanced
    concentration  whatever is above the limit, once haircuts are taken
    wrong way      a share of what falls just when it is needed
    depeg          what is above the peg, and a share for each step below it

Prices are those of the sealed set's indices, which come from outside. What our own venues print in
the asset is no price of it: a book that is empty for a minute would sell everybody out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from clearing.domain.leveraged import gap_haircut
from clearing.domain.schedule import Schedule, Terms

NOTHING: Mapping[str, int] = MappingProxyType({})
NO_PRICE = "has no sealed price"
NOT_ADMITTED = "is not admitted"
NO_GAP = "is a leveraged token, and no gap of its underlying is set"
WHOLE = Fraction(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """One asset of one account, in minor units of the reporting asset; nothing is negative.

    `left` is what was left after each cut, in the order of CUTS; the last of it is what counts.
    """

    asset: str
    units: int
    price: Decimal | None
    market: int
    left: tuple[int, ...]
    why: str = ""  # of an asset that is not taken at all

    @property
    def eligible(self) -> int:
        return self.left[-1]

    @property
    def cuts(self) -> dict[str, int]:
        before = (self.market, *self.left)
        return {
            name: before[at] - left
            for at, (name, left) in enumerate(zip(CUTS, self.left, strict=True))
        }

    @property
    def cut(self) -> int:
        return self.market - self.eligible


@dataclass(frozen=True, slots=True, kw_only=True)
class Leverage:
    """What a leveraged token follows, and by how much; signed."""

    underlying: str
    times: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What an account's collateral is valued in.

    prices     asset -> money for one unit; the reporting asset needs none
    scales     asset -> digits, the reporting asset's too
    elsewhere  asset -> minor units that the member's other accounts hold
    exposure   underlying -> minor units of money the account is long of it; negative is short
    leveraged  asset -> what it follows; the gap of that is the schedule's
    """

    schedule: Schedule
    prices: Mapping[str, Decimal]
    scales: Mapping[str, int]
    member_id: str = ""
    elsewhere: Mapping[str, int] = field(default_factory=lambda: NOTHING)
    exposure: Mapping[str, int] = field(default_factory=lambda: NOTHING)
    leveraged: Mapping[str, Leverage] = field(default_factory=lambda: MappingProxyType({}))

    def price(self, asset: str) -> Decimal | None:
        return Decimal(1) if asset == self.schedule.reporting else self.prices.get(asset)

    def haircut(self, terms: Terms) -> Decimal:
        """The whole of it: the asset's own share and, of a leveraged token, its gap's."""
        token = self.leveraged.get(terms.asset)
        if token is None:
            return terms.haircut
        gap = self.schedule.gaps.get(token.underlying)
        if gap is None:
            return Decimal(1)
        return gap_haircut(base=terms.haircut, leverage=token.times, gap=gap)

    def why_nothing(self, terms: Terms) -> str:
        """Why nothing of an asset counts that has a price; empty where something may."""
        if not terms.admitted:
            return NOT_ADMITTED
        token = self.leveraged.get(terms.asset)
        return NO_GAP if token is not None and token.underlying not in self.schedule.gaps else ""


@dataclass(frozen=True, slots=True)
class _Seen:
    """An asset on its way through the cuts; `total` is all of the member's collateral and `whole`
    all of this asset's, both after haircuts and over all accounts."""

    terms: Terms
    on: Setting
    price: Decimal
    total: int = 0
    whole: int = 0


def value(held: Mapping[str, int], *, on: Setting) -> list[Valued]:
    """Each asset the account has, by name. What it owes is no collateral and is left out."""
    mine = {asset: units for asset, units in held.items() if units > 0}
    cut = {asset: _after_haircut(asset, units, on) for asset, units in mine.items()}
    others = {
        asset: _after_haircut(asset, units, on)
        for asset, units in on.elsewhere.items()
        if units > 0
    }
    total = sum(cut.values()) + sum(others.values())
    found = []
    for asset, units in sorted(mine.items()):
        terms, price = on.schedule.of(asset), on.price(asset)
        if price is None:
            left = (0,) * len(CUTS)
            found.append(
                Valued(asset=asset, units=units, price=None, market=0, left=left, why=NO_PRICE)
            )
            continue
        seen = _Seen(terms, on, price, total, whole=cut[asset] + others.get(asset, 0))
        market = _market(asset, units, on)
        found.append(
            Valued(
                asset=asset,
                units=units,
                price=price,
                market=market,
                left=tuple(_steps(market, seen)),
                why=on.why_nothing(terms),
            )
        )
    return found


def eligible(found: Iterable[Valued]) -> int:
    return sum(it.eligible for it in found)


def _steps(market: int, seen: _Seen) -> Iterable[int]:
    left = market
    for rule in CUTS.values():
        left = rule(left, seen)
        yield left


def _market(asset: str, units: int, on: Setting) -> int:
    price = on.price(asset)
    if price is None:
        return 0
    digits = on.scales[on.schedule.reporting] - on.scales[asset]
    return _down(Fraction(price) * units * Fraction(10) ** digits)


def _after_haircut(asset: str, units: int, on: Setting) -> int:
    price = on.price(asset)
    if price is None:
        return 0
    seen = _Seen(on.schedule.of(asset), on, price)
    return _gap(_haircut(_not_admitted(_market(asset, units, on), seen), seen), seen)


# --- the cuts: what is left of what was left before ---------------------------------------------


def _not_admitted(left: int, seen: _Seen) -> int:
    return left if seen.terms.admitted else 0


def _haircut(left: int, seen: _Seen) -> int:
    return left - share_of(left, Fraction(seen.terms.haircut))


def _gap(left: int, seen: _Seen) -> int:
    """The rest of the whole haircut, as a share of what the asset's own left."""
    own, whole = Fraction(seen.terms.haircut), Fraction(seen.on.haircut(seen.terms))
    return left - share_of(left, (whole - own) / (1 - own)) if own < 1 else 0


def _concentration(left: int, seen: _Seen) -> int:
    """A member's limits are shared by its accounts in proportion to what each has of the asset."""
    terms, digits = seen.terms, seen.on.scales[seen.on.schedule.reporting]
    limits = [left]
    if terms.account_limit is not None:
        limits.append(_down(Fraction(terms.account_limit) * 10**digits))
    mine = Fraction(left, seen.whole) if seen.whole else WHOLE
    if terms.member_limit is not None:
        limits.append(_down(Fraction(terms.member_limit) * 10**digits * mine))
    if terms.member_share is not None:
        limits.append(_down(Fraction(terms.member_share) * seen.total * mine))
    return min(limits)


def _wrong_way(left: int, seen: _Seen) -> int:
    terms = seen.terms
    if terms.issuer and terms.issuer == seen.on.member_id:
        exposed = left
    else:
        exposed = min(left, max(0, seen.on.exposure.get(terms.underlying, 0)))
    return left - share_of(exposed, Fraction(terms.wrong_way_cut))


def _depeg(left: int, seen: _Seen) -> int:
    terms = seen.terms
    peg = seen.on.price(terms.peg) if terms.peg else None
    if peg is None:
        return left
    return left - share_of(left, depeg_share(price=seen.price, peg=peg, terms=terms))


def depeg_share(*, price: Decimal, peg: Decimal, terms: Terms) -> Fraction:
    """What a price off its peg costs: the premium above it, or a cut for each whole step below."""
    if price >= peg:
        return (Fraction(price) - Fraction(peg)) / Fraction(price)
    below = 1 - Fraction(price) / Fraction(peg)
    steps = _down(below / Fraction(terms.depeg_threshold))
    return min(WHOLE, steps * Fraction(terms.depeg_cut))


CUTS: Mapping[str, Callable[[int, _Seen], int]] = MappingProxyType(
    {
        "not_admitted": _not_admitted,
        "haircut": _haircut,
        "gap": _gap,
        "concentration": _concentration,
        "wrong_way": _wrong_way,
        "depeg": _depeg,
    }
)


# --- whole numbers ------------------------------------------------------------------------------


def share_of(amount: int, share: Fraction) -> int:
    """A cut of an amount: rounded up, and never more than all of it."""
    return min(amount, -((-amount * min(share, WHOLE)) // 1))


def _down(amount: Fraction) -> int:
    return amount.numerator // amount.denominator
