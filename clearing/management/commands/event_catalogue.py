"""manage.py event_catalogue: every published fact, with its fields."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from clearing import codec


class Command(BaseCommand):
    help = (
        "Print every fact the house publishes as JSON: name -> field -> type. A published fact"
        " never changes; a new one is added to tests/house/published_events.json, once, by"
        " --write tests/house/published_events.json."
    )
    requires_system_checks = ()  # it asks the code alone

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--write", type=Path, metavar="FILE", help="write it to a file instead of printing it"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        text = json.dumps(published(), indent=2) + "\n"
        if options["write"] is None:
            self.stdout.write(text, ending="")
        else:
            options["write"].write_text(text)


def published() -> dict[str, dict[str, str]]:
    """Fact name -> field -> type, by name; fields in the order they are declared."""
    return {
        name: {field.name: str(field.type) for field in fields(event)}
        for name, event in sorted(codec.catalogue().items())
    }
