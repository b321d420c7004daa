"""Fact <-> text; old versions are upgraded on read; the catalogue of all published facts."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings

# Old fact name -> (new fact name, pure function on the decoded fields). None so far.
UPGRADES: dict[str, tuple[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {}
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
    return _canonical({name: getattr(fact, name) for name in _fields(fact.__class__)})


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


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
