"""Opening a case file, compressed or not."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_GZIP = b"\x1f\x8b"


class FileUnreadable(ValueError):
    """A file that cannot be opened, or whose text is not what its ending promises."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path
        self.why = why


def text_of(path: Path) -> str:
    """The whole text; whether it is compressed is seen by its first bytes, not by its name."""
    try:
        held = path.read_bytes()
        if held.startswith(_GZIP):
            held = gzip.decompress(held)
        return held.decode("utf-8-sig")
    except OSError as error:
        raise FileUnreadable(path, error.strerror or str(error)) from error
    except (EOFError, zlib.error, UnicodeDecodeError) as error:
        raise FileUnreadable(path, str(error)) from error


def cases_in(path: Path) -> list[tuple[str, Any]]:
    """The cases of a JSON file and their names, in their order; whether they are any is not asked.

    They stand on lines of their own, in a list, in an object by their names, or alone. What is no
    JSON comes back as an error in its place, because the cases beside it can be read.
    Raises FileUnreadable if the file cannot be opened.
    """
    found: list[tuple[str, Any]] = []
    documents = _documents(text_of(path))
    for document in documents:
        if isinstance(document, list):
            found += [("", each) for each in document]
        elif len(documents) == 1 and _is_of_names(document):
            found += document.items()
        else:
            found.append(("", document))
    if len(found) == 1 and not _own_name(*found[0]):
        return [(path.name, found[0][1])]
    return [
        (_own_name(name, held) or f"case {place}", held)
        for place, (name, held) in enumerate(found, start=1)
    ]


def _documents(text: str) -> list[Any]:
    """One JSON document, or one on each line."""
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        return [
            _line(line, number)
            for number, line in enumerate(text.splitlines(), start=1)
            if line.strip()
        ]


def _line(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        return CaseUnreadable(f"line {number} is no JSON: {error}")


def _is_of_names(document: Any) -> bool:
    """Whether an object holds cases by their names and is none itself."""
    return (
        isinstance(document, dict)
        and "Scenario" not in document
        and any(isinstance(each, dict) and "Scenario" in each for each in document.values())
    )


def _own_name(name: str, held: Any) -> str:
    own = held.get("case") if isinstance(held, dict) else None
    return name or (own if isinstance(own, str) else "")


class CaseUnreadable(ValueError):
    """A case that is not what its layout promises, and the field that is to blame."""


class Fields:
    """One JSON object of a case; remembers its place, so that a fault can be found."""

    def __init__(self, held: Any, *, place: str = "", scale: float = 1.0) -> None:
        """`scale` is what one is written as: numbers are divided by it."""
        if isinstance(held, CaseUnreadable):
            raise held
        if not isinstance(held, Mapping):
            raise CaseUnreadable(f"{place or 'the case'} is no object")
        self._held: Mapping[str, Any] = held
        self._place = place
        self._scale = scale

    def __contains__(self, key: str) -> bool:
        return key in self._held

    def names(self) -> list[str]:
        return list(self._held)

    def at(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    def part(self, key: str, *, scale: float = 1.0) -> Fields:
        return Fields(self._take(key), place=self.at(key), scale=scale)

    def parts(self, key: str) -> list[Fields]:
        place = self.at(key)
        return [
            Fields(row, place=f"{place}[{number}]") for number, row in enumerate(self.rows(key))
        ]

    def rows(self, key: str) -> list[Any]:
        rows = self._take(key)
        if not isinstance(rows, list):
            raise CaseUnreadable(f"{self.at(key)} is no list")
        return rows

    def text(self, key: str) -> str:
        return _text_of(self._take(key), self.at(key))

    def texts(self, key: str) -> list[str]:
        return [
            _text_of(value, f"{self.at(key)}[{row}]") for row, value in enumerate(self.rows(key))
        ]

    def flag(self, key: str) -> bool:
        return _flag_of(self._take(key), self.at(key))

    def flags(self, key: str) -> list[bool]:
        return [
            _flag_of(value, f"{self.at(key)}[{row}]") for row, value in enumerate(self.rows(key))
        ]

    def number(self, key: str, *, scale: float | None = None) -> float:
        """A finite number, divided by what one is written as."""
        return number_of(self._take(key), self.at(key)) / (scale or self._scale)

    def numbers(self, key: str, *, scale: float | None = None) -> list[float]:
        place = self.at(key)
        return [
            number_of(value, f"{place}[{row}]") / (scale or self._scale)
            for row, value in enumerate(self.rows(key))
        ]

    def _take(self, key: str) -> Any:
        if key not in self._held:
            raise CaseUnreadable(f"{self.at(key)} is missing")
        return self._held[key]


def _text_of(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise CaseUnreadable(f"{place} is no text")
    return value


def _flag_of(value: Any, place: str) -> bool:
    if value not in (True, False):  # some publishers write 0 and 1
        raise CaseUnreadable(f"{place} is neither true nor false")
    return bool(value)


def number_of(value: Any, place: str) -> float:
    """A finite number, written as one or as text. Raises CaseUnreadable naming its place."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise CaseUnreadable(f"{place} is no number") from None
    if not math.isfinite(number):
        raise CaseUnreadable(f"{place} is not finite")
    return number
