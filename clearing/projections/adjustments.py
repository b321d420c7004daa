"""Rows of codes, of amended terms and of adjusted contracts."""

from __future__ import annotations

from dataclasses import asdict

from clearing import models
from clearing.domain import events
from clearing.domain.amendment import AMENDABLE
from clearing.store import Recorded


def asset_described(recorded: Recorded) -> None:
    models.AssetProfile.objects.update_or_create(
        asset=recorded.fact.asset,
        defaults={**asdict(recorded.fact), "sequence": recorded.sequence},
    )


def codes_assigned(recorded: Recorded) -> None:
    models.InstrumentCodes.objects.update_or_create(
        symbol=recorded.fact.symbol,
        defaults={**asdict(recorded.fact), "sequence": recorded.sequence},
    )


def terms_amended(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Instrument.objects.filter(symbol=fact.symbol).update(
        **{name: getattr(fact, name) for name in AMENDABLE}
    )


def instrument_delisted(recorded: Recorded) -> None:
    models.Instrument.objects.filter(symbol=recorded.fact.symbol).update(status="delisted")


def contract_adjusted(recorded: Recorded) -> None:
    fact = recorded.fact
    models.Instrument.objects.filter(symbol=fact.symbol).update(
        status="adjusted", successor=fact.new_symbol
    )


PROJECTIONS = {
    events.AssetDescribed: asset_described,
    events.InstrumentCodesAssigned: codes_assigned,
    events.InstrumentTermsAmended: terms_amended,
    events.InstrumentDelisted: instrument_delisted,
    events.ContractAdjusted: contract_adjusted,
}
TABLES = (models.AssetProfile, models.InstrumentCodes)
