"""The commands' base: what a terminal is told when the house refuses, and under whose name it acts."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal

LONGEST_REASON = 200


class FileNotValid(Refusal):
    code = "file-not-valid"
    says = "The file cannot be used."


class HouseCommand(BaseCommand):
    """Calls one service; its refusal ends the command with exit code 1, the code and the field."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except Refusal as refusal:
            raise CommandError(said(refusal)) from refusal

    def cause(self, about: str = "") -> Cause:
        """The command acts; everything it does about one thing is one trail."""
        name = type(self).__module__.rpartition(".")[2]
        return Cause(actor=f"system:{name}", correlation_id=f"{name}-{about}" if about else name)


def reason(text: str) -> str:
    """As long as the admin takes it. Raises ArgumentTypeError."""
    if not text.strip() or len(text) > LONGEST_REASON:
        raise ArgumentTypeError(f"say why, in 1 to {LONGEST_REASON} characters")
    return text


def moment(text: str) -> datetime:
    """A time with its offset, as RFC 3339 spells it. Raises ArgumentTypeError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ArgumentTypeError("say a time with its offset, such as 2026-01-01T01:00:00Z")
    return at


def said(refusal: Refusal) -> str:
    """Code and field as at every other door, then the sentence."""
    return f"{refusal.code} {refusal.field or '-'}: {refusal.sentence}"


def json_object(path: Path) -> Mapping[str, Any]:
    """The one object a JSON file holds. Raises FileNotValid."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FileNotValid(field="file", file=path.name, why=str(error)[:200]) from None
    if not isinstance(found, dict):
        raise FileNotValid(field="file", file=path.name, why="holds no JSON object")
    return found


def text_of(path: Path) -> str:
    """Raises FileNotValid."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise FileNotValid(field="file", file=path.name, why=str(error)[:200]) from None
