"""Request bodies: strict JSON of a bounded size."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer

MOST_BYTES = 2 << 20
_ESCAPED = re.compile(r"\\u[dD][89a-fA-F]")  # half of a pair, or a whole pair's halves
_HALF = re.compile("[\ud800-\udfff]")


class BodyTooLarge(APIException):
    status_code = 413
    default_code = "body-too-large"
    default_detail = f"A request body has no more than {MOST_BYTES} bytes."


class StrictJSON(BaseParser):
    """No NaN or Infinity, no name twice in one object, no nesting that exhausts the stack, and no
    half of a surrogate pair, which neither the log nor an answer could spell."""

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
            text = body.decode("utf-8")
            found = json.loads(text, parse_constant=_constant, object_pairs_hook=_once)
            if _ESCAPED.search(text):
                _check_characters(found)
            return found
        except (ValueError, RecursionError) as error:
            raise ParseError(f"This is not JSON we take: {error}") from error


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not a number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _check_characters(found: Any) -> None:
    """UTF-8 has no lone surrogates, so only an escape can bring one in, as a name or as a text."""
    half = _HALF.search(json.dumps(found, ensure_ascii=False))
    if half:
        raise ValueError(f"\\u{ord(half[0]):04x} without its other half is no character")
