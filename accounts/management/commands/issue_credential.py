"""A new API key for a member, a venue or a custodian, printed once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.services import people
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.services import timekeeping

NAME = "issue_credential"


class Command(BaseCommand):
    help = (
        "Issue an API key for one member, one venue or one custodian. The key is printed once and"
        " kept nowhere: only its hash is. Whoever holds it sees and moves what is that member's,"
        " reports that venue's trades, or confirms, as that custodian, collateral that has arrived."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--member", default="", help="member id")
        whose.add_argument("--venue", default="", help="market identifier code, four characters")
        whose.add_argument("--custodian", default="", help="who holds the collateral: CUSTODY-BANK")
        parser.add_argument("--title", required=True, help="who keeps it, and for what")
        parser.add_argument(
            "--days", type=int, help="days of business time until it expires; never without"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        days = options["days"]
        if days is not None and not 1 <= days <= 3_650:
            raise CommandError("--days: from 1 to 3650")
        try:
            now = timekeeping.now()
            key = people.issue_credential(
                title=options["title"],
                member_id=options["member"],
                venue=options["venue"],
                custodian=options["custodian"],
                expires_at=None if days is None else now + timedelta(days=days),
                at=now,
                cause=Cause(actor=f"system:{NAME}", correlation_id=NAME),
            )
        except Refusal as refusal:
            raise CommandError(f"{refusal.code}: {refusal}") from refusal
        self.stdout.write(key)
