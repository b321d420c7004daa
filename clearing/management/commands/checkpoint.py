"""manage.py checkpoint: sign the log as it is sealed, for whoever keeps it outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from clearing.console import HouseCommand
from clearing.services import checkpoints, sealing


class Command(HouseCommand):
    help = (
        "Seal, sign the log up to its last block and print the signed note; with --export, write it"
        " to a file with the header of every block, for manage.py verify --against FILE and for"
        " python -m clearing.domain.evidence, which needs no database. Keep such files where the"
        " database's operator cannot reach them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--export", type=Path, metavar="FILE", help="write note and headers")
        parser.add_argument(
            "--facts",
            action="store_true",
            help="with every fact's hash, so that a changed one is named; about 75 bytes each",
        )
        parser.add_argument(
            "--make-key",
            metavar="NAME",
            help="make the signing key in the file SURETY_CHECKPOINT_KEY names, under the log's name,"
            " print the public key, and do nothing else",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["make_key"]:
            self.stdout.write(checkpoints.make_key(options["make_key"]).text())
            return
        sealing.catch_up()
        issued = checkpoints.issue()
        if options["export"] is None:
            self.stdout.write(issued.note, ending="")
            return
        text = checkpoints.export(issued, facts=options["facts"])
        options["export"].write_text(text, encoding="utf-8")
        self.stdout.write(f"{options['export']}: {issued.block:,} blocks, {len(text):,} characters")
