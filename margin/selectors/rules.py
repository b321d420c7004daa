"""The parameter set in force."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

from clearing import selectors as record
from clearing.domain.errors import NotFound, Refusal
from margin import models
from margin.engine import parameters as method
from margin.engine.parameters import Parameters


class ParametersMissing(Refusal):
    code = "parameters-missing"
    says = "No margin parameter set is in force."
    remedy = "Activate one: manage.py activate_parameters FILE."


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The parameter set in force: its name is the hash of its content."""

    name: str
    method: str
    reporting: str
    scale: int
    parameters: Parameters


def rules() -> Rules:
    """Raises ParametersMissing."""
    row = models.ParameterSet.objects.order_by("-sequence").first()
    if row is None:
        raise ParametersMissing
    return rules_named(row.name)


def rules_named(name: str) -> Rules:
    row = models.ParameterSet.objects.filter(name=name).order_by("sequence").first()
    if row is None:
        raise NotFound(field="parameter_set", name=name)
    return Rules(
        name=row.name,
        method=row.method,
        reporting=row.reporting,
        scale=record.scale(row.reporting),
        parameters=_parameters(row.name),
    )


@lru_cache(maxsize=8)
def _parameters(name: str) -> Parameters:
    body = models.ParameterBody.objects.values_list("body", flat=True).get(name=name)
    return method.load(json.loads(body)["set"])
