"""House rules in force until a fact sets others."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    price_max_age_seconds: int = 3_600
    penalty_rate: Decimal = Decimal("0.005")
    price_band: Decimal = Decimal(0)
    margin_period_seconds: int = 3_600
