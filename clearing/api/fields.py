"""How values are spelled at the door. No amount is ever a JSON number."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from clearing.domain import clock

_PLAIN = r"^-?(0|[1-9][0-9]{0,29})(\.[0-9]{1,30})?$"
_DECIMAL = re.compile(_PLAIN.strip("^$"))
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@extend_schema_field({"type": "string", "format": "decimal", "pattern": _PLAIN, "example": "12.5"})
class DecimalText(serializers.Field):  # type: ignore[type-arg]
    """A plain decimal as text: no exponent, no separators, no NaN. In: the text as sent."""

    default_error_messages = {
        "not-a-string": 'Send a decimal as a string, such as "12.5".',
        "not-a-number": "This is not a plain decimal number such as 12.5.",
    }

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("not-a-string")
        if not _DECIMAL.fullmatch(data):
            self.fail("not-a-number")
        return data

    def to_representation(self, value: Any) -> str:
        return plain(value)


def plain(value: Decimal | str | int | float) -> str:
    """Without an exponent. A float of the engine is spelled with the fewest digits that name it."""
    return format(Decimal(repr(value) if isinstance(value, float) else value), "f")


@extend_schema_field({"type": "string", "format": "date-time"})
class Moment(serializers.Field):  # type: ignore[type-arg]
    """RFC 3339. Shown in UTC with microseconds; taken with any offset, but never without one."""

    default_error_messages = {
        "not-a-moment": "Send a time by RFC 3339 with its offset, such as 2026-01-01T01:00:00Z; in"
        " an address a plus sign is spelled %2B.",
    }

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str) or not _MOMENT.fullmatch(data):
            self.fail("not-a-moment")
        try:
            return clock.parsed(data.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail("not-a-moment")

    def to_representation(self, value: datetime) -> str:
        return clock.text(value)


class Name(serializers.RegexField):
    """An id or a symbol: visible ASCII without spaces."""

    def __init__(self, *, max_length: int = 40, **options: Any) -> None:
        super().__init__(
            r"^[\x21-\x7e]+\Z", max_length=max_length, trim_whitespace=False, **options
        )

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))
