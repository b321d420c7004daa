"""Fact <-> text; old versions are upgraded on read; the catalogue of all published facts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from functools import cache
from importlib import import_module
from json.encoder import encode_basestring
from operator import attrgetter
from typing import Any

from django.conf import settings

Fields = dict[str, Any]
Columns = dict[str, list[Any]]  # field -> its value in each of many facts of one name

# Which version of the code makes columns from facts: one more whenever an upgrade, or a fact's
# movements, would make other columns of the same bytes (tests/golden/facts.jsonl says so).
DECODER = 1

# Old fact name -> (new fact name, pure function on the decoded fields). None so far. A chain is
# followed to its end; stored bytes never change.
UPGRADES: dict[str, tuple[str, Callable[[Fields], Fields]]] = {}
# The same upgrade for many facts at once, where it pays; it must agree with the one above.
COLUMN_UPGRADES: dict[str, Callable[[Columns], Columns]] = {}
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


@cache
def catalogue() -> dict[str, type]:
    """Every fact any app publishes, by name; apps name their event modules in settings."""
    found: dict[str, type] = {}
    for module in settings.SURETY_FACTS:
        for fact in import_module(module).FACTS:
            assert fact.NAME not in found, f"{fact.NAME} is published twice"
            found[fact.NAME] = fact
    return found


def encode(fact: Any) -> str:
    """Canonical: sorted keys, no spaces, so that the hash depends on the content alone."""
    names, values_of, template = _shape(fact.__class__)
    values = values_of(fact)
    try:
        return template % tuple([_SPELLED[it.__class__](it) for it in values])
    except KeyError:  # a kind of text or number of its own
        return _canonical(dict(zip(names, values, strict=True)))


# As the encoder above spells them, for less than half of its price: facts come by the thousand.
_SPELLED: dict[type, Callable[[Any], str]] = {
    str: encode_basestring,
    int: int.__repr__,
    bool: lambda it: "true" if it else "false",
}


@cache
def _shape(kind: Any) -> tuple[tuple[str, ...], Callable[[Any], Sequence[Any]], str]:
    """A fact's fields, sorted; what takes their values from it; and the text with room for them."""
    names = tuple(sorted(each.name for each in fields(kind)))
    room = ",".join(f"{_canonical(name)}:%s" for name in names)
    if len(names) > 1:
        return names, attrgetter(*names), f"{{{room}}}"
    return names, lambda fact: [getattr(fact, name) for name in names], f"{{{room}}}"


def current(name: str) -> str:
    """What a fact of that name is called once its upgrades are done."""
    while name in UPGRADES:
        name, _ = UPGRADES[name]
    return name


def decode(name: str, payload: str) -> Any:
    content = json.loads(payload)
    while name in UPGRADES:
        name, upgrade = UPGRADES[name]
        content = upgrade(content)
    return catalogue()[name](**content)


def decode_all(rows: Iterable[tuple[str, str]]) -> list[Any]:
    """What `decode` makes of each (name, payload), with upgrades done a column at a time."""
    scan = json.JSONDecoder().raw_decode
    found: list[tuple[str, Fields]] = []
    old: dict[str, list[int]] = {}
    for place, (name, payload) in enumerate(rows):
        content, end = scan(payload)
        if end != len(payload):
            raise ValueError(f"{payload[end : end + 20]!r} follows the fact's content")
        found.append((name, content))
        if name in UPGRADES:
            old.setdefault(name, []).append(place)
    for name, places in old.items():
        upgraded = _upgraded(name, [found[place][1] for place in places])
        for place, content in zip(places, upgraded, strict=True):
            found[place] = (current(name), content)
    known = catalogue()
    return [known[name](**content) for name, content in found]


def _upgraded(name: str, many: list[Fields]) -> list[Fields]:
    while name in UPGRADES:
        at_once = COLUMN_UPGRADES.get(name)
        new, one = UPGRADES[name]
        alike = all(content.keys() == many[0].keys() for content in many)
        if at_once is not None and alike:
            many = _rows(at_once(_columns(many)), len(many))
        else:
            many = [one(content) for content in many]
        name = new
    return many


def _columns(many: Sequence[Fields]) -> Columns:
    return {name: [content[name] for content in many] for name in many[0]}


def _rows(columns: Columns, count: int) -> list[Fields]:
    assert all(len(column) == count for column in columns.values()), "an upgrade keeps every fact"
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]
