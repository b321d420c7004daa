"""Rows from facts. Each function is total and knows one fact; `PROJECTIONS` says which.

They run in the transaction that records the fact, and again, in the log's order, when
`manage.py rebuild_projections` starts from nothing. Entries and holdings are projections too; the
store writes them, because every fact of every app may move something.
"""

from __future__ import annotations

from typing import Any

from clearing import models
from clearing.domain import clock, events
from clearing.store import Recorded

OPEN, SUSPENDED, CLOSED = "open", "suspended", "closed"


def clock_advanced(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Clock.objects.update_or_create(
        id=1,
        defaults={"mode": fact.mode, "now": clock.parsed(fact.to), "sequence": recorded.sequence},
    )


def policy_set(recorded: Recorded) -> None:
    fact = recorded.fact
    models.HousePolicy.objects.update_or_create(
        id=1,
        defaults={
            "price_max_age_seconds": fact.price_max_age_seconds,
            "penalty_rate": fact.penalty_rate,
            "price_band": fact.price_band,
            "margin_period_seconds": fact.margin_period_seconds,
            "sequence": recorded.sequence,
        },
    )


def asset_admitted(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Asset.objects.create(asset=fact.asset, scale=fact.scale, title=fact.title)


def instrument_listed(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Instrument.objects.create(
        symbol=fact.symbol,
        kind=fact.kind,
        payoff=fact.payoff,
        underlying=fact.underlying,
        quote=fact.quote,
        settlement=fact.settlement,
        lot_size=fact.lot_size,
        tick_size=fact.tick_size,
        expiry_at=clock.parsed(fact.expiry_at) if fact.expiry_at else None,
        strike=fact.strike,
        option_type=fact.option_type,
        status="listed",
        sequence=recorded.sequence,
    )


def instrument_halted(recorded: Recorded) -> None:
    models.Instrument.objects.filter(symbol=recorded.fact.symbol).update(status="halted")


def instrument_resumed(recorded: Recorded) -> None:
    models.Instrument.objects.filter(symbol=recorded.fact.symbol).update(status="listed")


def instrument_expired(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Instrument.objects.filter(symbol=fact.symbol).update(status="expired", index=fact.index)


def price_set_sealed(recorded: Recorded) -> None:
    fact = recorded.fact
    models.PriceSet.objects.create(
        sequence=recorded.sequence,
        name=fact.price_set,
        source=fact.source,
        at=clock.parsed(fact.at),
        quotes=fact.quotes,
        simulated=fact.simulated,
    )


def expiries_settled(recorded: Recorded) -> None:
    assert recorded.cause.sequence is not None, "it follows from the sealing"
    models.PriceSet.objects.filter(sequence=recorded.cause.sequence).update(settled=True)


def account_opened(recorded: Recorded) -> None:
    fact = recorded.fact
    models.AccountState.objects.create(
        account=fact.account_id,
        member=fact.member_id,
        kind=fact.kind,
        title=fact.title,
        standing=OPEN,
        version=recorded.version,
        sequence=recorded.sequence,
        opened_at=recorded.effective_at,
    )


def account_moved(recorded: Recorded, **changes: Any) -> None:
    """Every later fact of an account moves its version along."""
    models.AccountState.objects.filter(account=recorded.fact.account_id).update(
        version=recorded.version, sequence=recorded.sequence, **changes
    )


def account_suspended(recorded: Recorded) -> None:
    account_moved(recorded, standing=SUSPENDED)


def account_reinstated(recorded: Recorded) -> None:
    account_moved(recorded, standing=OPEN)


def account_closed(recorded: Recorded) -> None:
    account_moved(recorded, standing=CLOSED)


def withdrawal_requested(recorded: Recorded) -> None:
    fact = recorded.fact
    account_moved(recorded)
    models.Withdrawal.objects.create(
        withdrawal_id=fact.withdrawal_id,
        account=fact.account_id,
        asset=fact.asset,
        amount=fact.amount,
        status="requested",
        reason="",
        sequence=recorded.sequence,
        requested_at=recorded.effective_at,
    )


def withdrawal_settled(recorded: Recorded) -> None:
    _decided(recorded, status="settled", reason="")


def withdrawal_refused(recorded: Recorded) -> None:
    _decided(
        recorded, status="refused", reason=f"{recorded.fact.code}: {recorded.fact.reason}"[:300]
    )


def _decided(recorded: Recorded, *, status: str, reason: str) -> None:
    account_moved(recorded)
    models.Withdrawal.objects.filter(withdrawal_id=recorded.fact.withdrawal_id).update(
        status=status, reason=reason
    )


PROJECTIONS = {
    events.ClockAdvanced: clock_advanced,
    events.PolicySet: policy_set,
    events.AssetAdmitted: asset_admitted,
    events.InstrumentListed: instrument_listed,
    events.InstrumentHalted: instrument_halted,
    events.InstrumentResumed: instrument_resumed,
    events.InstrumentExpired: instrument_expired,
    events.PriceSetSealed: price_set_sealed,
    events.ExpiriesSettled: expiries_settled,
    events.AccountOpened: account_opened,
    events.AccountSuspended: account_suspended,
    events.AccountReinstated: account_reinstated,
    events.AccountClosed: account_closed,
    events.TradeNovated: account_moved,
    events.CollateralDeposited: account_moved,
    events.ContractSettled: account_moved,
    events.PenaltyCharged: account_moved,
    events.WithdrawalRequested: withdrawal_requested,
    events.WithdrawalSettled: withdrawal_settled,
    events.WithdrawalRefused: withdrawal_refused,
}
TABLES = (
    models.Entry,
    models.Holding,
    models.AccountState,
    models.Withdrawal,
    models.Asset,
    models.Instrument,
    models.PriceSet,
    models.Clock,
    models.HousePolicy,
)
