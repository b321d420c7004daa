"""Facts of the collateral schedule: what the house takes, and what it counts for.

All stand on the stream `schedule`. Each is announced when it is recorded and in force from
`effective_from` on; shares and money are decimal text, and an empty one means no limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralScheduleOpened:
    """From here on the house counts only what it has admitted; limits are in `reporting`."""

    NAME: ClassVar[str] = "clearing.collateral-schedule-opened.v1"

    reporting: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralAssetAdmitted:
    """`locations` are the custodians it may lie with, between spaces; empty means any of them."""

    NAME: ClassVar[str] = "clearing.collateral-asset-admitted.v1"

    asset: str
    locations: str
    custodian_confirms: bool  # whether a custodian must confirm before a withdrawal leaves
    effective_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralAssetExcluded:
    NAME: ClassVar[str] = "clearing.collateral-asset-excluded.v1"

    asset: str
    reason: str
    effective_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HaircutSet:
    """`haircut` is the share of the market value that does not count."""

    NAME: ClassVar[str] = "clearing.haircut-set.v1"

    asset: str
    haircut: str
    effective_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConcentrationLimitSet:
    """Most that counts after the haircut: money an account, money a member, and a share of all the
    member's collateral after its haircuts."""

    NAME: ClassVar[str] = "clearing.concentration-limit-set.v1"

    asset: str
    account_limit: str
    member_limit: str
    member_share: str
    effective_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongWayRuleSet:
    """`cut` is taken where the asset falls just when it is needed: all of it from what its own
    `issuer` pledges, and as much as the account loses by from a fall of `underlying`."""

    NAME: ClassVar[str] = "clearing.wrong-way-rule-set.v1"

    asset: str
    issuer: str  # a member; empty for none
    underlying: str  # empty for none
    cut: str
    effective_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DepegRuleSet:
    """Counts at no more than its peg; `cut` is taken once for each whole `threshold` below it."""

    NAME: ClassVar[str] = "clearing.depeg-rule-set.v1"

    asset: str
    peg: str  # an asset; empty for none
    threshold: str
    cut: str
    effective_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OutflowLimitSet:
    """Most that leaves in any hour: of the asset itself, or as a share of what was held."""

    NAME: ClassVar[str] = "clearing.outflow-limit-set.v1"

    asset: str
    house_amount: str
    house_share: str
    member_amount: str
    member_share: str
    effective_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StressMoveSet:
    """How far a price may go, either way, in the time it takes to sell: a share of it."""

    NAME: ClassVar[str] = "clearing.stress-move-set.v1"

    asset: str
    move: str
    effective_from: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GapSet:
    """The worst `move` of an underlying, either way, before a leveraged token on it is set back to
    its leverage: a share of the price, and the `source` it was observed in."""

    NAME: ClassVar[str] = "clearing.gap-set.v1"

    underlying: str
    move: str
    source: str
    effective_from: str


ScheduleFact = (
    CollateralScheduleOpened
    | CollateralAssetAdmitted
    | CollateralAssetExcluded
    | HaircutSet
    | ConcentrationLimitSet
    | WrongWayRuleSet
    | DepegRuleSet
    | OutflowLimitSet
    | StressMoveSet
    | GapSet
)
FACTS: tuple[type, ...] = ScheduleFact.__args__
