"""What every view of the API shares: who asks, under which key, and where a fault lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, cast

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.scope import Scope

KEY_HEADER = "Idempotency-Key"
_KEY = re.compile(r"[A-Za-z0-9._:-]{1,40}")

KEY = OpenApiParameter(
    KEY_HEADER,
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Yours to choose, up to 40 letters, digits and `._:-`; kept for good. The same"
    " request under the same key is recorded once and answered alike; another request under it is"
    " refused with `key-reused`.",
)


class KeyMissing(Refusal):
    code = "key-missing"
    says = "A request that changes something needs a key of its own."
    remedy = f"Send the header {KEY_HEADER}."


class KeyNotValid(Refusal):
    code = "key-not-valid"
    says = "The key is not well formed."
    remedy = "Use up to 40 letters, digits and ._:- characters."


class Door(APIView):
    """One thing that can be asked for.

    `names` says what a service's own word for a field is called in the request; `items_in` names
    the list that a request for many holds them in. Problems point at the field with both.
    """

    names: ClassVar[Mapping[str, str]] = {"key": KEY_HEADER}
    items_in: ClassVar[str] = ""
    metadata_class = None  # the API's description says it all


def scope_of(request: Request) -> Scope:
    return cast(Scope, request.auth)


def cause_of(request: Request) -> Cause:
    correlation_id = cast(str, request.correlation_id)  # type: ignore[attr-defined]
    return Cause(actor=scope_of(request).actor, correlation_id=correlation_id)


def key_of(request: Request) -> str:
    """Raises KeyMissing, KeyNotValid."""
    key = request.headers.get(KEY_HEADER, "")
    if not key:
        raise KeyMissing(field="key")
    if not _KEY.fullmatch(key):
        raise KeyNotValid(field="key")
    return key


def checked(shape: type[Serializer[Any]], given: Any) -> dict[str, Any]:
    """What was sent, if it has the shape. Raises ValidationError naming every field that has not."""
    found = shape(data=given)
    found.is_valid(raise_exception=True)
    return cast(dict[str, Any], found.validated_data)
