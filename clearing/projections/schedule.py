"""Rows of the collateral schedule."""

from __future__ import annotations

import json
from dataclasses import asdict

from clearing import models
from clearing.domain import clock
from clearing.domain.events.schedule import FACTS
from clearing.domain.schedule import about
from clearing.store import Recorded


def announced(recorded: Recorded) -> None:
    fact = recorded.fact
    effective = getattr(fact, "effective_from", "")
    models.CollateralTerm.objects.create(
        sequence=recorded.sequence,
        asset=about(fact),
        fact=fact.NAME,
        body=json.dumps(asdict(fact), sort_keys=True),
        announced_at=recorded.effective_at,
        effective_from=clock.parsed(effective) if effective else recorded.effective_at,
    )


PROJECTIONS = dict.fromkeys(FACTS, announced)
TABLES = (models.CollateralTerm,)
