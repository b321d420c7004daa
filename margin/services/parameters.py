"""Parameter sets: checked, kept under the hash of their content, put in force by a fact."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clearing import selectors as record
from clearing import store
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from margin import models, selectors
from margin.domain.events import ParametersActivated
from margin.engine import parameters as method
from margin.engine.reading import ParameterError


class ParametersRefused(Refusal):
    code = "parameters-refused"
    says = "This is not a parameter set the engine can use."


@store.decision
def activate(
    document: Mapping[str, Any], *, reporting: str, at: datetime, cause: Cause
) -> int | None:
    """Put a set in force; None when it is in force already.

    Raises ParametersRefused naming the field, AssetUnknown for the reporting asset.
    """
    record.scale(reporting)
    try:
        loaded = method.load(document)
    except ParameterError as error:
        raise ParametersRefused(field=error.field, reason=error.reason) from error
    content = {"reporting": reporting, "set": document}
    body = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    name = hashlib.sha256(body.encode()).hexdigest()
    stream = store.claim("parameters")
    current = models.ParameterSet.objects.order_by("-sequence").first()
    if current is not None and current.name == name:
        return None
    models.ParameterBody.objects.bulk_create(
        [models.ParameterBody(name=name, body=body)], ignore_conflicts=True
    )
    fact = ParametersActivated(parameter_set=name, method=loaded.name, reporting=reporting)
    return store.append(stream, fact, at=at, cause=cause)


def in_force() -> selectors.Rules:
    return selectors.rules()
