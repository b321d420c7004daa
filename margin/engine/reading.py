"""Reads a parameter file part by part, and names the field that is to blame when it cannot be used.

The layout of a file is its reader's business. What every reader shares is here: a field is missing,
of another type, out of its range, or not known at all, and none of these passes in silence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

Choice = TypeVar("Choice", bound=StrEnum)
Source = Path | str | Mapping[str, Any]


class ParameterError(ValueError):
    """A parameter set that cannot be used, and the field that is to blame."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def root_of(source: Source) -> Section:
    """The outermost object of a JSON file, or of what such a file holds.

    Raises ParameterError where there is no file, no JSON or no object.
    """
    if isinstance(source, Mapping):
        return Section("", source)
    try:
        held = json.loads(Path(source).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ParameterError(str(source), f"cannot be read as JSON: {error}") from error
    return Section("", held)


class Section:
    """One JSON object being read; remembers its place and which keys nobody asked for."""

    def __init__(self, place: str, held: Any) -> None:
        if not isinstance(held, Mapping):
            raise ParameterError(place or "parameter set", "must be an object")
        self._place = place
        self._held: Mapping[str, Any] = held
        self._unread = set(held)

    def at(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    def has(self, key: str) -> bool:
        return key in self._held

    def finish(self) -> None:
        """Refuse keys that were never read: a misspelt field must not pass as absent."""
        if self._unread:
            raise ParameterError(self.at(min(self._unread)), "is not a known field")

    def section(self, key: str) -> Section:
        return Section(self.at(key), self._take(key))

    def sections(self, key: str, *, least: int = 1) -> list[tuple[str, Section]]:
        """What an object holds by name, in the order of the file."""
        held = self._take(key)
        if not isinstance(held, Mapping) or len(held) < least:
            raise ParameterError(self.at(key), "must be an object with at least one entry")
        return [(name, Section(f"{self.at(key)}.{name}", each)) for name, each in held.items()]

    def rows(self, key: str, *, least: int = 1) -> list[Section]:
        rows = self._take(key)
        if not isinstance(rows, list) or len(rows) < least:
            entries = "one entry" if least == 1 else f"{least} entries"
            raise ParameterError(self.at(key), f"must be a list with at least {entries}")
        return [Section(f"{self.at(key)}[{place}]", row) for place, row in enumerate(rows)]

    def text(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str) or not value:
            raise ParameterError(self.at(key), "must be text")
        return value

    def flag(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            raise ParameterError(self.at(key), "must be true or false")
        return value

    def choice(self, key: str, of: type[Choice]) -> Choice:
        value = self._take(key)
        if value not in {each.value for each in of}:
            raise ParameterError(self.at(key), f"must be one of {', '.join(of)}")
        return of(value)

    def one_of(self, key: str, names: Mapping[str, int]) -> int:
        """The row of something that is named elsewhere in the file."""
        name = self.text(key)
        if name not in names:
            raise ParameterError(self.at(key), f"{name!r} is not among {', '.join(names)}")
        return names[name]

    def number(
        self,
        key: str,
        *,
        least: float = -math.inf,
        above: float = -math.inf,
        most: float = math.inf,
        below: float = math.inf,
    ) -> float:
        """A finite number, at least `least`, more than `above`, at most `most`, under `below`."""
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ParameterError(self.at(key), "must be a number")
        if not math.isfinite(value):
            raise ParameterError(self.at(key), "must be finite")
        for broken, words, bound in (
            (value < least, "at least", least),
            (value <= above, "more than", above),
            (value > most, "at most", most),
            (value >= below, "less than", below),
        ):
            if broken:
                raise ParameterError(self.at(key), f"must be {words} {bound:g}, is {value:g}")
        return float(value)

    def whole(self, key: str, *, least: int = 0, most: int | None = None) -> int:
        """A whole number, however large, kept exact."""
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ParameterError(self.at(key), "must be a whole number")
        if value < least:
            raise ParameterError(self.at(key), f"must be at least {least}, is {value}")
        if most is not None and value > most:
            raise ParameterError(self.at(key), f"must be at most {most}, is {value}")
        return value

    def _take(self, key: str) -> Any:
        if key not in self._held:
            raise ParameterError(self.at(key), "is missing")
        self._unread.discard(key)
        return self._held[key]
