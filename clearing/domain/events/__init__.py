"""The facts this app records, one room an area.

A fact holds only strings, integers and booleans, so its JSON is obvious and its hash is stable.
Decimals are spelled as strings, times as RFC 3339 in UTC, money as minor units of a named asset.
A fact that moves something says so in `movements`; those are its entries (clearing.domain.entries).
A published fact never changes; `manage.py event_catalogue` freezes their shape.
"""

from __future__ import annotations

from clearing.domain.events import (
    accounts,
    adjustments,
    collateral,
    cycles,
    posttrade,
    prices,
    reconciliation,
    reference,
    settlement,
    trades,
)
from clearing.domain.events.accounts import (
    AccountClosed,
    AccountOpened,
    AccountReinstated,
    AccountSuspended,
)
from clearing.domain.events.adjustments import (
    AssetDescribed,
    ContractAdjusted,
    InstrumentCodesAssigned,
    InstrumentDelisted,
    InstrumentTermsAmended,
    LotsAdjusted,
)
from clearing.domain.events.collateral import (
    CollateralDeposited,
    PenaltyCharged,
    WithdrawalRefused,
    WithdrawalRequested,
    WithdrawalSettled,
)
from clearing.domain.events.cycles import (
    AccountSettled,
    AssignmentDrawn,
    CycleCleared,
    CycleClosed,
    CycleHeld,
    CycleOpened,
    ExerciseInstructed,
    FeeSet,
    FundingRateFixed,
    FutureSettled,
    OptionAssigned,
    OptionExercised,
    OptionExpired,
    PerpetualFunded,
    SettlementCorrected,
    SettlementScheduleSet,
)
from clearing.domain.events.posttrade import (
    AccountPorted,
    AllocationCancelled,
    AveragePriced,
    CollateralPorted,
    GiveUpEnded,
    GiveUpRequested,
    LegAllocated,
    LegMoved,
    LegUnwound,
    PositionMoved,
    PositionTransferEnded,
    PositionTransferRequested,
    TradeBusted,
    TradeCorrected,
)
from clearing.domain.events.prices import (
    ExpiriesSettled,
    PricePolicySet,
    PriceSetCorrected,
    PriceSetDeferred,
    PriceSetSealed,
    PriceSourceAdmitted,
    PriceSourceResumed,
    PriceSourceSuspended,
)
from clearing.domain.events.reconciliation import (
    BreakExplained,
    BreakFound,
    BreakResolved,
    InvariantRestored,
    InvariantViolated,
    ReconciliationRun,
    ReleasesCertified,
    ReleasesHalted,
    ToleranceSet,
)
from clearing.domain.events.reference import (
    AssetAdmitted,
    ClockAdvanced,
    InstrumentExpired,
    InstrumentHalted,
    InstrumentListed,
    InstrumentResumed,
    PolicySet,
)
from clearing.domain.events.settlement import ContractSettled
from clearing.domain.events.trades import TradeNovated

AREAS = (
    reference,
    prices,
    accounts,
    trades,
    collateral,
    settlement,
    adjustments,
    reconciliation,
    posttrade,
    cycles,
)
AccountFact = (
    accounts.AccountFact
    | trades.AccountFact
    | collateral.AccountFact
    | settlement.AccountFact
    | adjustments.AccountFact
    | posttrade.AccountFact
    | cycles.AccountFact
)
FACTS: tuple[type, ...] = tuple(fact for area in AREAS for fact in area.FACTS)

__all__ = [
    "AREAS",
    "FACTS",
    "AccountClosed",
    "AccountFact",
    "AccountOpened",
    "AccountPorted",
    "AccountReinstated",
    "AccountSettled",
    "AccountSuspended",
    "AllocationCancelled",
    "AssetAdmitted",
    "AssetDescribed",
    "AssignmentDrawn",
    "AveragePriced",
    "BreakExplained",
    "BreakFound",
    "BreakResolved",
    "ClockAdvanced",
    "CollateralDeposited",
    "CollateralPorted",
    "ContractAdjusted",
    "ContractSettled",
    "CycleCleared",
    "CycleClosed",
    "CycleHeld",
    "CycleOpened",
    "ExerciseInstructed",
    "ExpiriesSettled",
    "FeeSet",
    "FundingRateFixed",
    "FutureSettled",
    "GiveUpEnded",
    "GiveUpRequested",
    "InstrumentCodesAssigned",
    "InstrumentDelisted",
    "InstrumentExpired",
    "InstrumentHalted",
    "InstrumentListed",
    "InstrumentResumed",
    "InstrumentTermsAmended",
    "InvariantRestored",
    "InvariantViolated",
    "LegAllocated",
    "LegMoved",
    "LegUnwound",
    "LotsAdjusted",
    "OptionAssigned",
    "OptionExercised",
    "OptionExpired",
    "PenaltyCharged",
    "PerpetualFunded",
    "PolicySet",
    "PositionMoved",
    "PositionTransferEnded",
    "PositionTransferRequested",
    "PricePolicySet",
    "PriceSetCorrected",
    "PriceSetDeferred",
    "PriceSetSealed",
    "PriceSourceAdmitted",
    "PriceSourceResumed",
    "PriceSourceSuspended",
    "ReconciliationRun",
    "ReleasesCertified",
    "ReleasesHalted",
    "SettlementCorrected",
    "SettlementScheduleSet",
    "ToleranceSet",
    "TradeBusted",
    "TradeCorrected",
    "TradeNovated",
    "WithdrawalRefused",
    "WithdrawalRequested",
    "WithdrawalSettled",
]
