"""Facts of what the outside says it holds for us, where it differs, and what may leave meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciliationRun:
    """A statement from outside was held against the book, as of a time of effect."""

    NAME: ClassVar[str] = "clearing.reconciliation-run.v1"

    holder: str
    kind: str  # custodian | venue
    document: str  # SHA-256 of the statement: its name
    at: str
    lines: int
    matched: int
    breaks: int  # differences this run saw, explained ones too
    missing: int  # movements of the statement that the log does not have
    last_source: int  # the holder's own number of the last movement; 0 if it sent none


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakFound:
    """`difference` is theirs less ours; minor units of the asset, or lots of an instrument."""

    NAME: ClassVar[str] = "clearing.break-found.v1"

    break_id: str
    holder: str
    kind: str
    account: str  # "" for what a custodian holds of everybody
    asset: str  # an asset, or an instrument's symbol
    unit: str  # cash | lots
    ours: int
    theirs: int
    difference: int
    halts: str  # the asset whose withdrawals stop; "" within tolerance
    missing: str  # references of movements that may explain it
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakExplained:
    """An officer knows why; the difference stands until a later run finds it gone."""

    NAME: ClassVar[str] = "clearing.break-explained.v1"

    break_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakResolved:
    """A later run found no difference, or another one in its place."""

    NAME: ClassVar[str] = "clearing.break-resolved.v1"

    break_id: str
    document: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToleranceSet:
    """A difference of no more than this halts nothing."""

    NAME: ClassVar[str] = "clearing.reconciliation-tolerance-set.v1"

    asset: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasesHalted:
    """Nothing of the asset leaves until a certificate says that the books agree again."""

    NAME: ClassVar[str] = "clearing.releases-halted.v1"

    asset: str
    because: str  # break | invariant | order
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasesCertified:
    """Somebody has seen that the books agree; withdrawals of the asset go on."""

    NAME: ClassVar[str] = "clearing.releases-certified.v1"

    asset: str
    halted: int  # sequence of the halt it ends
    runs: int  # runs since then, all of them without an open break in the asset
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvariantViolated:
    """Something that is always true is not: the house says so itself, and stops what leaves it."""

    NAME: ClassVar[str] = "clearing.invariant-violated.v1"

    invariant: str
    subject: str
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InvariantRestored:
    """It is true again; what was halted stays so until it is certified."""

    NAME: ClassVar[str] = "clearing.invariant-restored.v1"

    invariant: str
    subject: str


FACTS: tuple[type, ...] = (
    ReconciliationRun,
    BreakFound,
    BreakExplained,
    BreakResolved,
    ToleranceSet,
    ReleasesHalted,
    ReleasesCertified,
    InvariantViolated,
    InvariantRestored,
)
