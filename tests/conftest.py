"""Real servers for whoever asks: embedded ones in a folder of their own, or yours by URL.

`db` is one transaction on a migrated database, rolled back; `house` is a database of its own, for
what must really commit: several writers, workers, kills. Both work as the application's role, so a
test that could change the log would be refused like anybody else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import HealthCheck, settings

from config import embedded
from tests.environment import VAR
from tests.seeds import SEED

# A deadline would assert a time, and how slow drawing is depends on what else the machine does.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

ROLE = "surety_app"
_numbers = count(1)


def pytest_report_header() -> str:
    return f"SURETY_SEED={SEED} repeats what this run draws by chance"


@pytest.fixture(scope="session")
def servers() -> Iterator[None]:
    """PostgreSQL and Valkey, unless both are given by URL."""
    if os.environ.get("DATABASE_URL") and os.environ.get("BROKER_URL"):
        yield
        return
    # some tests prepare transactions, which a server does not allow unless told
    with embedded.servers(VAR, durable=False, settings={"max_prepared_transactions": "4"}):
        yield


@pytest.fixture(scope="session")
def django_db_setup(servers: None, django_db_blocker) -> Iterator[None]:
    """A migrated database that tests share by transaction, and that `house` copies."""
    from django.core.management import call_command
    from django.db import connection

    with django_db_blocker.unblock():
        name = f"surety_test_{os.getpid()}"
        original = connection.settings_dict["NAME"]
        _administer(f'DROP DATABASE IF EXISTS "{name}"', f'CREATE DATABASE "{name}"')
        _use(name, role=None)
        call_command("migrate", verbosity=0)
        _use(name, role=ROLE)
    yield
    with django_db_blocker.unblock():
        _use(original, role=None)
        _administer(f'DROP DATABASE "{name}" WITH (FORCE)')
        connection.close()


@dataclass(frozen=True)
class House:
    """A database of its own; `environment` is what a child process needs to work in it."""

    name: str
    environment: dict[str, str]


@pytest.fixture
def house(django_db_setup, django_db_blocker) -> Iterator[House]:
    from django.conf import settings
    from django.db import connection

    with django_db_blocker.unblock():
        template = connection.settings_dict["NAME"]
        name = f"{template}_{next(_numbers)}"
        connection.close()
        _administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        _use(name, role=ROLE)
        environment = os.environ | {
            "DATABASE_URL": database_url(name),
            "BROKER_URL": settings.BROKER_URL,
        }
        try:
            yield House(name=name, environment=environment)
        finally:
            _use(template, role=ROLE)
            _administer(f'DROP DATABASE "{name}" WITH (FORCE)')
            connection.close()


def database_url(name: str) -> str:
    """The URL of a sibling of the configured database."""
    from django.conf import settings

    head, mark, query = settings.DATABASE_URL.partition("?")
    return f"{head.rpartition('/')[0]}/{name}{mark}{query}"


def _use(name: str, *, role: str | None) -> None:
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = name
    connection.settings_dict["OPTIONS"].pop("assume_role", None)
    if role:
        connection.settings_dict["OPTIONS"]["assume_role"] = role


def _administer(*statements: str) -> None:
    """On a connection of its own, since databases are made and dropped outside transactions."""
    import psycopg
    from django.conf import settings

    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as admin:
        for statement in statements:
            admin.execute(statement)
