"""manage.py grant_role: somebody may log in and do what a role carries."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import selectors
from accounts.domain.roles import ROLES
from accounts.services import people
from clearing.console import HouseCommand
from clearing.services import timekeeping


class Command(HouseCommand):
    help = (
        "Give a user a role: "
        + ", ".join(ROLES)
        + ". A user who does not exist is created with a password, which is asked for or read from"
        " standard input and is never an argument. One who exists keeps the password; manage.py"
        " changepassword sets another. Granting again changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("login", metavar="LOGIN")
        parser.add_argument("--role", required=True, help=" | ".join(ROLES))
        parser.add_argument(
            "--member", default="", metavar="ID", help="for whom a member-user acts"
        )
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="read a new user's password from the first line of standard input",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        login, role = options["login"], options["role"]
        now, known = timekeeping.now(), selectors.has_login(login)
        granted = people.take_on(
            login,
            password="" if known else _password(from_stdin=options["password_stdin"]),
            role=role,
            member_id=options["member"],
            at=now,
            cause=self.cause(login),
        )
        if not known:
            self.stdout.write(f"{login} created")
        self.stdout.write(f"{login} {'is now' if granted else 'is already'} {role}")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass("Password: ")
    if password != getpass("Again: "):
        raise CommandError("password-differs password: the two are not the same")
    return password
