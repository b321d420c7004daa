"""Rows of reference facts."""

from __future__ import annotations

from clearing import models
from clearing.domain import clock, events
from clearing.store import Recorded


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


PROJECTIONS = {
    events.ClockAdvanced: clock_advanced,
    events.PolicySet: policy_set,
    events.AssetAdmitted: asset_admitted,
    events.InstrumentListed: instrument_listed,
    events.InstrumentHalted: instrument_halted,
    events.InstrumentResumed: instrument_resumed,
    events.InstrumentExpired: instrument_expired,
}
TABLES = (models.Asset, models.Instrument, models.Clock, models.HousePolicy)
