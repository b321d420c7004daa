"""manage.py revoke_role: what a role carries is taken back."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from accounts.domain.roles import ROLES
from accounts.services import people
from clearing.console import HouseCommand
from clearing.services import timekeeping


class Command(HouseCommand):
    help = (
        "Take a role back from a user; what it carried ends with their next request. The login and"
        " other roles stay. Revoking again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("login", metavar="LOGIN")
        parser.add_argument("--role", required=True, help=" | ".join(ROLES))

    def handle(self, *_args: Any, **options: Any) -> None:
        login, role = options["login"], options["role"]
        revoked = people.revoke_role(
            login, role=role, at=timekeeping.now(), cause=self.cause(login)
        )
        self.stdout.write(f"{login} is {'no longer' if revoked else 'not'} {role}")
