"""Request bodies: strict JSON of a bounded size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer

MOST_BYTES = 2 << 20


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "body-too-large"
    default_detail = f"A request body has no more than {MOST_BYTES} bytes."


class StrictJSON(BaseParser):
    """No NaN or Infinity, no name twice in one object, no nesting that exhausts the stack."""

    media_type = "application/json"
    renderer_class = JSONRenderer

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,  # noqa: ARG002 - DRF's signature
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        body = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise BodyTooLarge
        try:
            return json.loads(
                body.decode("utf-8"), parse_constant=_constant, object_pairs_hook=_once
            )
        except (ValueError, RecursionError) as error:
            raise ParseError(f"This is not JSON we take: {error}") from error


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found
