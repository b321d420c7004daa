"""manage.py admit_asset: an asset the ledger may hold, what it is and which codes it has."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from clearing.console import HouseCommand
from clearing.domain import asset
from clearing.domain.asset import AssetKind, AssetProfile
from clearing.services import listing, timekeeping


class Command(HouseCommand):
    help = (
        "Admit an asset with its decimal digits, and describe it: fiat money by its ISO 4217 code,"
        " whose minor unit must be the digits given; a token by its DTI; a leveraged token by its"
        " underlying, its leverage (3, or -1 for one that falls as the underlying rises) and the"
        " document that says so; a security by its ISIN. Check digits are verified. Doing it again"
        " changes nothing; a new description replaces the old one, digits never change."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("asset", metavar="ASSET")
        parser.add_argument("--scale", type=int, required=True, help="decimal digits")
        parser.add_argument("--title", required=True)
        parser.add_argument("--kind", choices=[it.value for it in AssetKind], required=True)
        parser.add_argument("--iso4217", default="", help="the code, if it is not the asset's name")
        parser.add_argument("--dti", default="")
        parser.add_argument("--isin", default="")
        parser.add_argument("--underlying", default="", metavar="ASSET")
        parser.add_argument("--leverage", default="", metavar="NUMBER")
        parser.add_argument("--source", default="", help="whose document says so")

    def handle(self, *_args: Any, **options: Any) -> None:
        named = ("asset", "iso4217", "dti", "isin", "underlying", "source")
        profile = AssetProfile(
            kind=AssetKind(options["kind"]),
            leverage=asset.leverage_of(options["leverage"]),
            **{name: options[name] for name in named},
        )
        done = listing.admit_described(
            profile,
            scale=options["scale"],
            title=options["title"],
            at=timekeeping.now(),
            cause=self.cause(profile.asset),
        )
        self.stdout.write(
            f"{profile.asset} {'is admitted as' if done else 'was already'} {profile.kind}"
        )
