"""The facts this app records, one room an area.

A fact holds only strings, integers and booleans, so its JSON is obvious and its hash is stable.
Decimals are spelled as strings, times as RFC 3339 in UTC, money as minor units of a named asset.
A fact that moves something says so in `movements`; those are its entries (clearing.domain.entries).
A published fact never changes; `manage.py event_catalogue` freezes their shape.
"""

from __future__ import annotations

from clearing.domain.events import (
    accounts,
    collateral,
    prices,
    reference,
    schedule,
    settlement,
    trades,
)
from clearing.domain.events.accounts import (
    AccountClosed,
    AccountOpened,
    AccountReinstated,
    AccountSuspended,
)
from clearing.domain.events.collateral import (
    CollateralDeposited,
    CollateralLocated,
    PenaltyCharged,
    SubstitutionCancelled,
    SubstitutionCovered,
    SubstitutionDelayed,
    SubstitutionExpired,
    SubstitutionProposed,
    SubstitutionRefused,
    SubstitutionSettled,
    WithdrawalApproved,
    WithdrawalConfirmed,
    WithdrawalDelayed,
    WithdrawalInstructed,
    WithdrawalRefused,
    WithdrawalRequested,
    WithdrawalSettled,
)
from clearing.domain.events.prices import (
    ExpiriesSettled,
    PriceSetCorrected,
    PriceSetSealed,
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
from clearing.domain.events.schedule import (
    CollateralAssetAdmitted,
    CollateralAssetExcluded,
    CollateralScheduleOpened,
    ConcentrationLimitSet,
    DepegRuleSet,
    HaircutSet,
    OutflowLimitSet,
    StressMoveSet,
    WrongWayRuleSet,
)
from clearing.domain.events.settlement import (
    ContractSettled,
)
from clearing.domain.events.trades import (
    TradeNovated,
)

AREAS = (reference, prices, accounts, trades, collateral, settlement, schedule)
AccountFact = (
    accounts.AccountFact | trades.AccountFact | collateral.AccountFact | settlement.AccountFact
)
FACTS: tuple[type, ...] = tuple(fact for area in AREAS for fact in area.FACTS)

__all__ = [
    "AREAS",
    "FACTS",
    "AccountClosed",
    "AccountFact",
    "AccountOpened",
    "AccountReinstated",
    "AccountSuspended",
    "AssetAdmitted",
    "ClockAdvanced",
    "CollateralAssetAdmitted",
    "CollateralAssetExcluded",
    "CollateralDeposited",
    "CollateralLocated",
    "CollateralScheduleOpened",
    "ConcentrationLimitSet",
    "ContractSettled",
    "DepegRuleSet",
    "ExpiriesSettled",
    "HaircutSet",
    "InstrumentExpired",
    "InstrumentHalted",
    "InstrumentListed",
    "InstrumentResumed",
    "OutflowLimitSet",
    "PenaltyCharged",
    "PolicySet",
    "PriceSetCorrected",
    "PriceSetSealed",
    "StressMoveSet",
    "SubstitutionCancelled",
    "SubstitutionCovered",
    "SubstitutionDelayed",
    "SubstitutionExpired",
    "SubstitutionProposed",
    "SubstitutionRefused",
    "SubstitutionSettled",
    "TradeNovated",
    "WithdrawalApproved",
    "WithdrawalConfirmed",
    "WithdrawalDelayed",
    "WithdrawalInstructed",
    "WithdrawalRefused",
    "WithdrawalRequested",
    "WithdrawalSettled",
    "WrongWayRuleSet",
]
