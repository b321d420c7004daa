"""manage.py correct_prices: another set stands in for a wrong one."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser

from clearing import console, selectors
from clearing.console import HouseCommand
from clearing.services import pricing


class Command(HouseCommand):
    help = (
        "Correct a sealed price set: a new set, the old one with some prices replaced, stands in for"
        " it from its own time on. Both are kept; what was computed on the wrong one still names it."
        " Only the set that stands for its time can be corrected. The same again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "price_set",
            metavar="SET",
            help="a sequence, at least eight letters of a hash, or latest",
        )
        for name, form in (
            ("index", "ASSET=PRICE"),
            ("forward", "UNDERLYING EXPIRY=PRICE"),
            ("quote", "SYMBOL=MARK[:VOL]"),
        ):
            parser.add_argument(
                f"--{name}",
                action="append",
                default=[],
                type=_pair,
                metavar=form,
                help="may repeat",
            )
        parser.add_argument(
            "--reason", type=console.reason, required=True, help="why; recorded in the fact"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        indices, forwards = dict(options["index"]), dict(options["forward"])
        quotes = dict(options["quote"])
        if not (indices or forwards or quotes):
            raise CommandError("say what is corrected: --index, --forward or --quote")
        wrong = selectors.price_set_named(options["price_set"])
        found = pricing.patched(wrong.sequence, indices=indices, forwards=forwards, quotes=quotes)
        sequence = pricing.correct(
            wrong.sequence, found, reason=options["reason"], cause=self.cause(str(wrong.sequence))
        )
        self.stdout.write(
            f"event {sequence}: {selectors.prices_at(sequence).name[:12]} stands in for"
            f" {wrong.name[:12]} of event {wrong.sequence}"
        )


def _pair(text: str) -> tuple[str, str]:
    name, mark, value = text.rpartition("=")
    if not (name and mark and value):
        raise ArgumentTypeError(f"{text!r} is not NAME=PRICE")
    return name, value
