"""manage.py reconcile: hold a statement from outside against the book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from clearing import selectors
from clearing.console import FileNotValid, HouseCommand, moment, said
from clearing.domain import reconciliation
from clearing.domain.errors import Refusal
from clearing.domain.reconciliation import COLUMNS, CUSTODIAN, UNNAMED, VENUE
from clearing.services import reconciliations, timekeeping
from clearing.services.reconciliations import Statement


class Command(HouseCommand):
    help = (
        "Hold a statement of a custodian or a venue against the book as of its time. Every"
        " difference is a break, recorded as a fact; beyond the tolerance withdrawals of the asset"
        " halt until they are certified. The file is a table with the columns "
        + ", ".join(COLUMNS)
        + ", of which `line` is balance, deposit or withdrawal (custodian), position or trade"
        " (venue); balances and positions need asset and amount (a position its account), movements"
        " also their holder's own number without gaps and the reference they were told us under;"
        " a number told again with other content is refused."
        " What the file does not name its holder does not hold. With --recover, movements the log"
        " does not have are recorded first, as after a restore. What came in under no custodian's"
        f" name is held by `{UNNAMED}`. The exit code is 1 while there is an open break."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--holder", required=True, metavar="NAME", help="who wrote it")
        parser.add_argument("--venue", action="store_true", help="a venue, not a custodian")
        parser.add_argument(
            "--as-of", type=moment, metavar="T", help="business time now without it"
        )
        parser.add_argument(
            "--recover", action="store_true", help="record what the log lacks first"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            self._reconcile(options)
        except Refusal as refusal:
            if refusal.place is None:
                raise
            raise CommandError(f"{said(refusal)} Line {refusal.place + 1}.") from refusal

    def _reconcile(self, options: dict[str, Any]) -> None:
        now = timekeeping.now()
        statement = self._read(options, at=options["as_of"] or now)
        cause = self.cause(statement.document[:12])
        if options["recover"]:
            found = reconciliations.recover(statement, at=now, cause=cause)
            for reference, why in found.refused.items():
                self.stderr.write(f"{reference} {why}")
            self.stdout.write(
                f"{len(found.recorded)} movements recorded, {len(found.refused)} refused"
            )
        sequence = reconciliations.reconcile(statement, at=now, cause=cause)
        run = selectors.reconciliation_runs().get(sequence=sequence)
        self.stdout.write(
            f"run {run.sequence}: {run.matched} agree, {run.breaks} differ,"
            f" {run.missing} movements are not in the log"
        )
        self._say_breaks(statement)

    @staticmethod
    def _read(options: dict[str, Any], *, at: Any) -> Statement:
        path, kind = options["file"], VENUE if options["venue"] else CUSTODIAN
        try:
            body = path.read_bytes().decode("utf-8")
        except (OSError, ValueError) as error:
            raise FileNotValid(field="file", file=path.name, why=str(error)[:200]) from None
        lines = reconciliation.read(body, kind=kind)
        return Statement(holder=options["holder"], kind=kind, at=at, body=body, lines=lines)

    def _say_breaks(self, statement: Statement) -> None:
        words = selectors.teller()
        rows = selectors.standing_breaks().filter(holder=statement.holder, kind=statement.kind)
        for row in rows:
            sentence = words.line(selectors.recorded(row.sequence))
            why = f" [{row.reason}]" if row.reason else ""
            style = self.style.ERROR if row.status == "open" else self.style.WARNING
            self.stdout.write(f"{row.status}: {sentence}{why}", style)
        unexplained = rows.filter(status="open").count()
        if unexplained:
            raise CommandError(f"{unexplained} open breaks with {statement.holder}")
