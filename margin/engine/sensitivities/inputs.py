"""What the sensitivity method is given: sensitivities and additions by row, checked on arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from margin.engine.sensitivities.tables import Column
from margin.engine.shapes import Floats

LARGEST_AMOUNT = 2.0**50


class SensitivityRefused(ValueError):
    """An input row that cannot be margined: which row, counted from 0, which field, and why."""

    def __init__(self, row: int, field: str, reason: str) -> None:
        super().__init__(f"row {row}, {field}: {reason}")
        self.row = row
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivities:
    """One row per sensitivity, every field (rows,).

    amount  in the calculation currency, per unit of the risk type's own move; signed: positive
            gains when the factor rises
    """

    portfolio: Column
    product_class: Column
    risk_type: Column
    bucket: Column
    qualifier: Column
    label1: Column
    label2: Column
    amount: Floats

    @classmethod
    def of(
        cls,
        *,
        portfolio: Sequence[str],
        product_class: Sequence[str],
        risk_type: Sequence[str],
        bucket: Sequence[str],
        qualifier: Sequence[str],
        label1: Sequence[str],
        label2: Sequence[str],
        amount: Sequence[float] | Floats,
    ) -> Sensitivities:
        """Raises SensitivityRefused for a column of another length and an amount out of range."""
        amounts = np.asarray(amount, dtype=np.float64)
        texts = {
            "portfolio": portfolio,
            "product_class": product_class,
            "risk_type": risk_type,
            "bucket": bucket,
            "qualifier": qualifier,
            "label1": label1,
            "label2": label2,
        }
        for field, held in texts.items():
            if len(held) != amounts.size:
                row = min(len(held), amounts.size)
                raise SensitivityRefused(
                    row, field, f"{len(held)} rows beside {amounts.size} amounts"
                )
        out_of_range = ~(np.abs(amounts) < LARGEST_AMOUNT)  # also where it is not a number
        if out_of_range.any():
            row = int(np.argmax(out_of_range))
            raise SensitivityRefused(row, "amount", f"{amounts[row]} is not a number below 2**50")
        return cls(amount=amounts, **{field: Column.of(held) for field, held in texts.items()})

    def __len__(self) -> int:
        return int(self.amount.size)


class Addition(StrEnum):
    """What stands beside the sensitivities."""

    FIXED = "fixed"  # an amount
    FACTOR = "factor"  # per cent of the notional of the product named
    NOTIONAL = "notional"  # an amount of the product named
    MULTIPLIER = "multiplier"  # of the product class named, at least 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """One row per addition, every field (rows,)."""

    portfolio: Column
    kind: Column
    product: Column
    value: Floats

    @classmethod
    def of(
        cls,
        *,
        portfolio: Sequence[str] = (),
        kind: Sequence[str] = (),
        product: Sequence[str] = (),
        value: Sequence[float] | Floats = (),
    ) -> Additions:
        """Raises SensitivityRefused for an unknown kind, a value out of range, and a factor or
        multiplier given twice to one portfolio and product."""
        values = np.asarray(value, dtype=np.float64)
        for field, held in (("portfolio", portfolio), ("kind", kind), ("product", product)):
            if len(held) != values.size:
                row = min(len(held), values.size)
                raise SensitivityRefused(
                    row, field, f"{len(held)} rows beside {values.size} values"
                )
        once: set[tuple[str, str, str]] = set()
        for row, (which, what, whose) in enumerate(zip(portfolio, kind, product, strict=True)):
            _check_addition(row, what, float(values[row]))
            if what in (Addition.FACTOR, Addition.MULTIPLIER):
                if (which, what, whose) in once:
                    raise SensitivityRefused(row, "product", f"a second {what} of {whose!r}")
                once.add((which, what, whose))
        return cls(
            portfolio=Column.of(portfolio),
            kind=Column.of(kind),
            product=Column.of(product),
            value=values,
        )


def _check_addition(row: int, kind: str, value: float) -> None:
    if kind not in set(Addition):
        raise SensitivityRefused(row, "kind", f"{kind!r} is none of {', '.join(Addition)}")
    least = 1.0 if kind == Addition.MULTIPLIER else 0.0
    if not least <= value < LARGEST_AMOUNT:
        raise SensitivityRefused(row, "value", f"{value} is not between {least:g} and 2**50")
