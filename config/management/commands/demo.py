"""The whole story on real machinery: `make demo` calls this."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterable
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from accounts.services import people
from clearing import selectors as record
from clearing.domain.cause import Cause
from clearing.services import sealing, timekeeping, verification
from config import embedded
from config.story import cast as casting
from config.story import market, narration, proof, real, stage, telling
from config.story.feed import Snapshot

CAST = Path(__file__).resolve().parents[2] / "story" / "cast.json"


class Command(BaseCommand):
    help = (
        "Tell the whole story: trades, margin, a fall, calls, liquidations. Without --data the"
        " market is simulated, and says so. Afterwards the site stays up until Ctrl-C; with --once"
        " the command ends by itself and exits non-zero if any check of the story fails. Told"
        " again, it carries on from where the log ends."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="verify, stop everything, exit")
        parser.add_argument(
            "--data", type=Path, help="folder with deribit/chain_6h_*.csv.gz: a real crash"
        )
        parser.add_argument("--cast", type=Path, default=CAST, help="who takes part (JSON)")
        parser.add_argument(
            "--fall",
            type=Decimal,
            default=Decimal("0.30"),
            help="of the simulated market, 0 to 0.9",
        )
        parser.add_argument("--every", type=int, default=1, help="take every Nth snapshot")
        parser.add_argument("--seed", type=int, default=1, help="of the simulated market")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            cast = casting.read(options["cast"])
        except casting.CastNotValid as error:
            raise CommandError(str(error)) from error
        if not Decimal(0) <= options["fall"] <= Decimal("0.9"):
            raise CommandError("--fall: is a share of the price between 0 and 0.9")
        if options["every"] < 1:
            raise CommandError("--every: is a whole number from 1")
        self.stdout.write(self._headline(options))
        with self._servers():
            story = self._story(cast, options)
            try:
                stage.prepare(story)
            except stage.StageNotFree as error:
                raise CommandError(str(error)) from error
            self._migrate()
            self._begin(cast, story, options)
            with stage.processes(site=not options["once"]) as running:
                self._tell(cast, story, options)
                failed = self._prove(cast, options)
                if not options["once"]:
                    self._open_house(cast, story)
                    with contextlib.suppress(KeyboardInterrupt):
                        running.wait()
        if failed:
            raise CommandError(f"the story does not hold: {', '.join(failed)}")

    def _headline(self, options: dict[str, Any]) -> str:
        if options["data"]:
            return f"A real market: snapshots of {options['data']}"
        return (
            f"A SIMULATED market: seed {options['seed']}, falling {options['fall']:%}."
            " No price in this story is real."
        )

    @contextlib.contextmanager
    def _servers(self) -> Any:
        if not settings.SURETY_EMBEDDED:
            yield
            return
        with embedded.servers(settings.SURETY_VAR) as there:
            self.stdout.write(f"PostgreSQL and Valkey are up in {settings.SURETY_VAR}")
            yield there

    @staticmethod
    def _story(cast: casting.Cast, options: dict[str, Any]) -> str:
        """Named by everything that shapes it."""
        if options["data"]:
            files = hashlib.sha256("".join(real.names(options["data"])).encode()).hexdigest()[:8]
            return f"{stage.STORY}data-{files}-{options['every']}-{cast.name}"
        market_is = f"{options['seed']}-{options['fall']}-{options['every']}"
        return f"{stage.STORY}simulated-{market_is}-{cast.name}"

    def _migrate(self) -> None:
        """As the owner of the tables, in a process of its own; the story works as the application."""
        subprocess.run(  # noqa: S603 - our own manage.py
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "migrate", "--verbosity", "0"],
            check=True,
            env=os.environ | {"SURETY_DATABASE_ROLE": ""},
        )
        connection.close()

    def _begin(self, cast: casting.Cast, story: str, options: dict[str, Any]) -> None:
        cause = Cause(actor="system:demo", correlation_id=story)
        telling.begin(cast, next(iter(self._market(options))), cause=cause)

    def _tell(self, cast: casting.Cast, story: str, options: dict[str, Any]) -> None:
        narrator = narration.Narrator(self.stdout.write)
        cause = Cause(actor="system:demo", correlation_id=story)
        started = time.monotonic()
        count = telling.tell(cast, self._market(options), cause=cause, heard=narrator.catch_up)
        narrator.catch_up()
        seconds = time.monotonic() - started
        self.stdout.write(f"\nTold: {count} price sets in {seconds:.0f} s of wall time.")

    @staticmethod
    def _market(options: dict[str, Any]) -> Iterable[Snapshot]:
        found = (
            real.snapshots(options["data"])
            if options["data"]
            else market.snapshots(seed=options["seed"], fall=options["fall"])
        )
        return islice(found, 0, None, options["every"])

    def _prove(self, cast: casting.Cast, options: dict[str, Any]) -> list[str]:
        """Check the story, then the whole record; the names of the checks that fail."""
        failed = []
        fall = bool(options["data"]) or options["fall"] > 0
        for ask in proof.whole(cast, fall=fall):
            check = ask()
            self.stdout.write(f"{'ok  ' if check.holds else 'FAIL'} {check.name}: {check.says}")
            if not check.holds:
                failed.append(check.name)
        sealing.seal()
        findings = verification.verify()
        for finding in findings:
            self.stdout.write(f"FAIL {finding.check} at {finding.where}: {finding.says}")
        if findings:
            failed.append("verify")
        else:
            self.stdout.write(f"ok   verify: log of {record.sealed_up_to()}, entries, projections")
        self.stdout.write(f"Book {proof.book_hash()}")
        return failed

    def _open_house(self, cast: casting.Cast, story: str) -> None:
        """Logins and keys are made anew each time: nobody has to have written them down."""
        cause = Cause(actor="system:demo", correlation_id=story)
        at = timekeeping.now()
        password = secrets.token_urlsafe(9)
        people.create_user("officer", password=password)
        people.grant_role("officer", role="risk-officer", at=at, cause=cause)
        called = next(player for player in cast.players if not player.counterparty and player.legs)
        key = people.issue_credential(title="demo", member_id=called.member_id, at=at, cause=cause)
        venue = people.issue_credential(
            title="demo venue", venue=cast.document["venue"], at=at, cause=cause
        )
        custodian = people.issue_credential(
            title="demo custodian", custodian="DEMO-BANK", at=at, cause=cause
        )
        base = f"http://127.0.0.1:{stage.site_port()}"
        self.stdout.write(
            f"\nRisk officer:  {base}/admin/   login officer   password {password}\n"
            f"API:           {base}/api/v1/docs\n"
            f"Member's key:  curl -H 'Authorization: Bearer {key}'"
            f" {base}/api/v1/accounts/{called.account_id}/requirement\n"
            f"Venue's key:   {venue}   (reports trades)\n"
            f"Custodian's:   {custodian}   (confirms deposits)\n"
            "Ctrl-C stops everything; the data stays."
        )
