"""Facts of settlement: schedules, cycles, what each account pays and receives, expiry, funding.

Money moves between an account and the settlement account while a cycle is under way; its clearing
facts then bring the settlement account back to zero, against the house between buyers and sellers
and the one rounding account.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from clearing.domain.entries import (
    FEES,
    NOVATION,
    ROUNDING,
    SETTLEMENT,
    Movement,
    cash,
    cost,
    lots,
)

# --- what is charged and when -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementScheduleSet:
    """When the book is settled: at times of day, and every so often counted from midnight, in UTC."""

    NAME: ClassVar[str] = "clearing.settlement-schedule-set.v1"

    times: str  # "08:00,16:00"; "" for none
    interval_minutes: int  # 0 for none


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSet:
    """What trading an instrument of a kind costs, on each side, in its settlement asset."""

    NAME: ClassVar[str] = "clearing.fee-set.v1"

    kind: str  # spot | future | perpetual | option
    per_lot: str
    rate: str  # share of what the trade is worth; of the premium, for options


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingRateFixed:
    """What longs pay shorts for one interval, as a share of what the position is worth."""

    NAME: ClassVar[str] = "clearing.funding-rate-fixed.v1"

    symbol: str
    source: str
    interval_end: str
    hours: int
    rate: str  # negative when shorts pay
    price: str  # what the position is valued at
    price_sequence: int  # of the sealed set the price is from; 0 where the source gave it


# --- a cycle ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleOpened:
    """Pinned to one sealed price set and to one book: every account at its own version."""

    NAME: ClassVar[str] = "clearing.cycle-opened.v1"

    cycle_id: str
    kind: str  # periodic | ad-hoc | expiry | funding | correction
    slot: str  # what it is due for: a time, or the instrument and its interval
    price_set: str
    price_sequence: int
    accounts: int
    watermark: int  # the latest sequence in the book it is pinned to
    corrects: str  # the cycle it is the difference to, "" for none


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleCleared:
    """One instrument's side of the settlement account back to zero.

    `drawn` are gains that trades realised against the house between buyers and sellers since the
    cycle before, in cash and in what positions are carried at alike. The residue is what rounding
    left.
    """

    NAME: ClassVar[str] = "clearing.cycle-cleared.v1"

    cycle_id: str
    symbol: str
    settlement: str
    drawn: int
    residue_cash: int
    residue_cost: int

    def movements(self) -> Iterator[Movement]:
        yield Movement(SETTLEMENT, NOVATION, cash(self.settlement), self.drawn)
        yield Movement(SETTLEMENT, NOVATION, cost(self.symbol), self.drawn)
        yield Movement(SETTLEMENT, ROUNDING, cash(self.settlement), self.residue_cash)
        yield Movement(SETTLEMENT, ROUNDING, cost(self.symbol), self.residue_cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleClosed:
    """It balanced to zero in every asset."""

    NAME: ClassVar[str] = "clearing.cycle-closed.v1"

    cycle_id: str
    accounts: int
    lines: int
    totals: str  # JSON: asset -> paid, received, residue in minor units
    content_hash: str  # over all its lines


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleHeld:
    """It does not balance, and stays open for people to look at."""

    NAME: ClassVar[str] = "clearing.cycle-held.v1"

    cycle_id: str
    invariant: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentDrawn:
    """Which of the short lots were assigned, for anybody to draw again."""

    NAME: ClassVar[str] = "clearing.assignment-drawn.v1"

    cycle_id: str
    symbol: str
    algorithm: str
    seed: str
    exercised: int
    shorts: str  # JSON: [[account, lots], ...] in account order
    assigned: str  # JSON: the same, with the lots drawn


# --- one account of a cycle -------------------------------------------------------------------

# What a line says was paid before, when the trade was registered; the cycle does not move it again.
PAID_AT_THE_TRADE = ("premium", "realised")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettled:
    """All that one account pays and receives in one cycle.

    `lines` is canonical JSON (clearing.domain.settlement.Line): one fact an account, not one a
    position, so that a book of thousands is settled with as many facts as it has accounts.
    """

    NAME: ClassVar[str] = "clearing.account-settled.v1"

    account_id: str
    cycle_id: str
    price_set: str
    book_version: int  # of the account in the book the cycle is pinned to
    lines: str

    def movements(self) -> Iterator[Movement]:
        for kind, symbol, asset, *_, paid, carried in json.loads(self.lines):
            if kind == "fee":
                yield Movement(self.account_id, FEES, cash(asset), paid)
            elif kind not in PAID_AT_THE_TRADE:
                yield Movement(self.account_id, SETTLEMENT, cash(asset), paid)
                yield Movement(self.account_id, SETTLEMENT, cost(symbol), carried)


@dataclass(frozen=True, slots=True, kw_only=True)
class PerpetualFunded:
    """Funding of one interval on what the account held at its end; by differences when run again."""

    NAME: ClassVar[str] = "clearing.perpetual-funded.v1"

    account_id: str
    cycle_id: str
    symbol: str
    settlement: str
    interval_end: str
    lots: int
    rate: str
    price: str
    cash: int

    def movements(self) -> Iterator[Movement]:
        yield Movement(self.account_id, SETTLEMENT, cash(self.settlement), self.cash)


@dataclass(frozen=True, slots=True, kw_only=True)
class FutureSettled:
    """A future is paid out at the final index and leaves the account."""

    NAME: ClassVar[str] = "clearing.future-settled.v1"

    account_id: str
    cycle_id: str
    symbol: str
    settlement: str
    index: str
    lots: int  # what the account held
    cost: int  # what it was carried at
    cash: int  # its value at the index, less the cost
    price_set: str

    def movements(self) -> Iterator[Movement]:
        yield Movement(self.account_id, NOVATION, lots(self.symbol), -self.lots)
        yield Movement(self.account_id, SETTLEMENT, cost(self.symbol), -self.cost)
        yield Movement(self.account_id, SETTLEMENT, cash(self.settlement), self.cash)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionExercised:
    """A long option in the money, paid in cash; lots beyond `exercised` were abandoned."""

    NAME: ClassVar[str] = "clearing.option-exercised.v1"

    account_id: str
    cycle_id: str
    symbol: str
    settlement: str
    index: str
    lots: int  # what the account held; all of it leaves
    exercised: int
    cash: int
    price_set: str

    def movements(self) -> Iterator[Movement]:
        yield Movement(self.account_id, NOVATION, lots(self.symbol), -self.lots)
        yield Movement(self.account_id, SETTLEMENT, cash(self.settlement), self.cash)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionAssigned:
    """A short option that was exercised against the account; the rest of its lots expire."""

    NAME: ClassVar[str] = "clearing.option-assigned.v1"

    account_id: str
    cycle_id: str
    symbol: str
    settlement: str
    index: str
    lots: int  # what the account held, negative; all of it leaves
    assigned: int  # of those, above zero
    cash: int  # not above zero
    price_set: str

    def movements(self) -> Iterator[Movement]:
        yield Movement(self.account_id, NOVATION, lots(self.symbol), -self.lots)
        yield Movement(self.account_id, SETTLEMENT, cash(self.settlement), self.cash)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionExpired:
    """Nothing is paid: out of the money, abandoned, or not drawn."""

    NAME: ClassVar[str] = "clearing.option-expired.v1"

    account_id: str
    cycle_id: str
    symbol: str
    settlement: str
    index: str
    lots: int
    reason: str  # worthless | abandoned | not-assigned
    price_set: str

    def movements(self) -> Iterator[Movement]:
        yield Movement(self.account_id, NOVATION, lots(self.symbol), -self.lots)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExerciseInstructed:
    """How many lots a holder will not have exercised; the last instruction before expiry counts."""

    NAME: ClassVar[str] = "clearing.exercise-instructed.v1"

    account_id: str
    symbol: str
    abandon: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementCorrected:
    """The difference between what a cycle paid and what it pays at the price that stands now."""

    NAME: ClassVar[str] = "clearing.settlement-corrected.v1"

    account_id: str
    cycle_id: str
    corrects: str  # the cycle that paid
    symbol: str
    settlement: str
    kind: str  # vm | payout
    lots: int
    price: str
    value: int  # the corrected value or payout
    cash: int
    cost: int

    def movements(self) -> Iterator[Movement]:
        yield Movement(self.account_id, SETTLEMENT, cash(self.settlement), self.cash)
        yield Movement(self.account_id, SETTLEMENT, cost(self.symbol), self.cost)


AccountFact = (
    AccountSettled
    | PerpetualFunded
    | FutureSettled
    | OptionExercised
    | OptionAssigned
    | OptionExpired
    | ExerciseInstructed
    | SettlementCorrected
)
FACTS: tuple[type, ...] = (
    SettlementScheduleSet,
    FeeSet,
    FundingRateFixed,
    CycleOpened,
    CycleCleared,
    CycleClosed,
    CycleHeld,
    AssignmentDrawn,
    *AccountFact.__args__,
)
