#!/usr/bin/env python
"""The one tool. `manage.py help` lists what it can do."""

import os
import sys

OWNER_COMMANDS = {"migrate", "makemigrations", "sqlmigrate", "dbshell", "flush"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if len(sys.argv) > 1 and sys.argv[1] in OWNER_COMMANDS:
        os.environ.setdefault("SURETY_DATABASE_ROLE", "")  # the tables' owner, not the application
    from django.core.management import execute_from_command_line  # noqa: PLC0415 - after the role

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
