#!/usr/bin/env python
"""The one tool. `manage.py help` lists what it can do.

Where no DATABASE_URL and BROKER_URL are given, the embedded servers are up for as long as a command
runs (unless they ran before). Commands that change tables work as the tables' owner; everything
else works as the application's role, which can add to the log and never change it.
"""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

_ROLE_MISSING = 'role "surety_app" does not exist'
OWNER_COMMANDS = {"migrate", "makemigrations", "sqlmigrate", "dbshell"}
NEED_NO_SERVERS = {
    "help",
    "doctor",
    "demo",
    "spectacular",
    "event_catalogue",
    "collectstatic",
    "check",
    "check_vectors",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "help")
    if command in OWNER_COMMANDS:
        os.environ.setdefault("SURETY_DATABASE_ROLE", "")
    # Django comes after the environment is set.
    from django.conf import settings  # noqa: PLC0415
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.core.management import execute_from_command_line  # noqa: PLC0415
    from django.db import DatabaseError  # noqa: PLC0415
    from psycopg.errors import UndefinedTable  # noqa: PLC0415

    from config import embedded  # noqa: PLC0415
    from config.database import MalformedDatabaseUrl  # noqa: PLC0415

    with ExitStack() as around:
        try:
            ours = settings.SURETY_EMBEDDED
        except (ImproperlyConfigured, MalformedDatabaseUrl) as fault:
            sys.exit(str(fault))  # it says what to mend; a traceback would hide it
        asked_for_help = {"-h", "--help", "--version"} & set(sys.argv)
        if ours and command not in NEED_NO_SERVERS and not asked_for_help:
            around.enter_context(embedded.servers(Path(settings.SURETY_VAR)))
        try:
            execute_from_command_line(sys.argv)
        except DatabaseError as error:
            if not isinstance(error.__cause__, UndefinedTable) and _ROLE_MISSING not in str(error):
                raise
            sys.exit(
                "The database is empty or older than this code: run `manage.py migrate` first."
            )


if __name__ == "__main__":
    main()
