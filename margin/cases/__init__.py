"""Published cases of other people's margin, run through the engine.

A layout is one way in which cases are published. Whoever meets one names it here, and the engine is
held to every result that its files hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One figure of a case.

    theirs, ours  as published, and from the unrounded path
    tolerance     relative to `theirs`
    half          absolute, beside it: half a digit of what was printed, or what is left of sums that
                  cancel
    integer       from the integer path, where the method has one
    bound         the most that its rounding can make of a difference
    """

    name: str
    ours: float
    theirs: float
    tolerance: float = 1e-9
    half: float = 0.0
    integer: float | None = None
    bound: float = 0.0

    @property
    def error(self) -> float:
        """Relative; a zero that was published is met or missed by infinity."""
        away = abs(self.ours - self.theirs)
        if away == 0.0:
            return 0.0
        return away / abs(self.theirs) if self.theirs else float("inf")

    @property
    def met(self) -> bool:
        allowed = self.tolerance * abs(self.theirs) + self.half
        # Not-a-number is no match, hence the comparisons that it fails.
        if not abs(self.ours - self.theirs) <= allowed:
            return False
        reach = self.bound + self.half + 1e-12 * abs(self.ours)  # the last for what is not rounded
        return self.integer is None or abs(self.integer - self.ours) <= reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case and its results, or the reason why there are none.

    unsupported  a reason: it was read, and needs what no parameter set here supplies
    unreadable   a reason: it is not what its layout promises; this fails a run
    """

    name: str
    results: tuple[Result, ...] = ()
    unsupported: str = ""
    unreadable: str = ""


class Layout(Protocol):
    """How one publisher writes cases down."""

    @property
    def NAME(self) -> str:
        """What a report and a refusal call it."""

    def recognises(self, path: Path) -> bool:
        """Whether a file is of this layout. Raises FileUnreadable if it cannot be opened."""

    def cases(self, paths: Sequence[Path]) -> list[Case]:
        """Every case of files that this layout recognised, run through the engine."""
