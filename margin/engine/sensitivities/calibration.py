"""The calibration of a sensitivity method, as the operator supplies it in a file.

Nothing here or in the steps knows a risk class by name. A calibration says, per risk class and kind
of margin, which sensitivities belong to it, what tells its risk factors apart, and the tables:
weights, concentration thresholds, correlations. Tables are given by fields of a sensitivity
(`bucket`, `qualifier`, `label1`, `label2`, `calculation` for the calculation currency, `first` and
`second` for the halves of a currency pair), or by a group of one, written `group of field`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from margin.engine.sensitivities.tables import Matrix, Table

FIELDS = ("bucket", "qualifier", "label1", "label2", "calculation", "first", "second")
SINGLE = "single"  # one bucket for all


class Form(StrEnum):
    """How sensitivities become a margin."""

    WEIGHTED = "weighted"  # weight, concentration, root of a sum of squares
    CURVATURE = "curvature"  # sum and root together, correlations squared


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """How one risk type enters a kind of margin."""

    risk_type: str
    label1: str | None = None  # what its factors are called instead of their first label
    concentrated: bool = True  # counts towards the concentration of its name, and is scaled by it
    pair: bool = False  # the qualifier is two currencies of three letters; either order is the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """Correlation of different factors of one name: a product over what tells them apart."""

    factor: Table | None = None  # any two different factors
    label1: Matrix | None = None
    label2: Matrix | None = None  # an empty second label differs from none


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of margin of one risk class."""

    name: str
    form: Form
    inputs: tuple[Input, ...]
    bucket: str  # a field, or `single`
    labels: tuple[str, ...]  # what tells factors of one name apart
    excluded_buckets: tuple[str, ...]
    drops_calculation_currency: bool
    weight: Table | None
    volatility: Table | None  # a risk weight; scaled to one year's volatility
    multiplier: float  # of the volatility-weighted sensitivity; of the margin for curvature
    threshold: Table | None  # none: no concentration
    across: Table | None  # different names of one bucket
    between: str | None  # the field whose two values end the key of `across`
    within: Within
    alike: str | None  # the field that makes factors of one name to `across` and `within`
    buckets: Matrix | None  # different buckets
    bucket_concentration: bool  # less correlation between buckets of unlike concentration


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskClass:
    name: str
    residual: str | None  # a bucket that is diversified with no other
    kinds: tuple[Kind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    lists: Mapping[str, str]
    otherwise: str | None

    def of(self, name: str) -> str:
        return self.lists.get(name, self.otherwise or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """One sensitivity method; amounts and thresholds are in its currency."""

    name: str
    source: str
    product_classes: tuple[str, ...]
    threshold_unit: float
    days_a_year: float
    horizon_days: float
    volatility_quantile: float  # the weights are moves of this probability over the horizon
    curvature_quantile: float
    tenor_days: Mapping[str, float]
    groups: Mapping[str, Group]
    classes: tuple[RiskClass, ...]
    between_classes: Matrix

    @property
    def risk_types(self) -> frozenset[str]:
        return frozenset(
            each.risk_type for held in self.classes for kind in held.kinds for each in kind.inputs
        )
