"""What the collateral schedule takes beyond the method's own haircut.

Equity is before any haircut, and a method's haircut is inside its balances. So a balance may count an
asset for what the method leaves of it or for its eligible value, whichever is less: what the schedule
cuts more than the method is a component beside it, and zero wherever no schedule says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from clearing import selectors as record
from clearing.domain.collateral import Valued
from clearing.selectors import BookColumns, SealedPrices
from margin.selectors.rules import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One asset, in minor units of the reporting asset."""

    asset: str
    market: int
    not_admitted: int
    haircut: int
    gap: int
    concentration: int
    wrong_way: int
    depeg: int
    eligible: int
    maintenance: int  # beyond the method's haircut, at each level
    initial: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuts:
    """What an account must hold on top of the method's requirement because of its collateral."""

    lines: tuple[Line, ...] = ()

    @property
    def maintenance(self) -> int:
        return sum(it.maintenance for it in self.lines)

    @property
    def initial(self) -> int:
        return sum(it.initial for it in self.lines)

    def against_nothing(self) -> Cuts:
        """The same cuts where nothing has to be held for anything."""
        return Cuts(lines=tuple(replace(line, maintenance=0, initial=0) for line in self.lines))

    def shown(self) -> list[dict[str, Any]]:
        return [asdict(line) for line in self.lines]


NO_CUTS = Cuts()


def cuts(
    columns: BookColumns,
    sealed: SealedPrices,
    rules: Rules,
    *,
    at: datetime,
    book: str | None = None,
    prices: Mapping[str, Decimal] | None = None,
) -> dict[int, Cuts]:
    """row -> its cuts, by the schedule in force at `at`; rows without any are left out.

    None of them has any while the schedule counts in another asset than the parameters: then
    nobody is margined at all (`conflict`).
    """
    terms = record.collateral_schedule(at=at)
    if not terms.opened or terms.reporting != rules.reporting:
        return {}
    found = record.valued(columns, sealed, terms, book=book, prices=prices)
    return {
        row: Cuts(lines=tuple(_line(it, rules) for it in each if it.cut))
        for row, each in found.items()
        if any(it.cut for it in each)
    }


def conflict(rules: Rules, *, at: datetime) -> str:
    """Why nobody can be margined while the schedule and the parameters count in different assets;
    empty when they agree, or while there is no schedule."""
    counts_in = record.collateral_schedule(at=at).reporting
    if counts_in in ("", rules.reporting):
        return ""
    return f"schedule-differs: collateral is counted in {counts_in}, margin in {rules.reporting}"


def _line(it: Valued, rules: Rules) -> Line:
    parameters = rules.parameters
    method = parameters.collateral.get(it.asset, parameters.default_collateral)
    maintenance = Fraction(repr(method.maintenance_haircut))
    initial = maintenance + Fraction(repr(method.initial_haircut))
    if it.asset == rules.reporting:
        maintenance = initial = Fraction(0)
    return Line(
        asset=it.asset,
        market=it.market,
        **it.cuts,
        eligible=it.eligible,
        maintenance=_beyond(it, maintenance),
        initial=_beyond(it, initial),
    )


def _beyond(it: Valued, haircut: Fraction) -> int:
    """The method's haircut is rounded down here, so that the sum of both is no less than the cut."""
    return max(0, it.cut - int(min(haircut, Fraction(1)) * it.market // 1))
