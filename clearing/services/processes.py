"""Several processes on one snapshot of the database.

Nothing of Django's may be imported before it is set up, and a new process imports this module first.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def pool(jobs: int) -> ProcessPoolExecutor:
    """Fresh processes with connections of their own to the database in use: a forked one would
    share ours."""
    from django.db import connection  # noqa: PLC0415 - see above

    kept = {name: connection.settings_dict[name] for name in ("NAME", "OPTIONS")}
    return ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=_prepare, initargs=(kept,)
    )


def _prepare(database: dict[str, Any]) -> None:
    import django  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    django.setup()
    connection.settings_dict.update(database)


def ask(
    snapshot: str, number: int, part: tuple[int, int] | None
) -> tuple[int, list[tuple[str, str]]]:
    """One part of a check of that number, on somebody else's snapshot."""
    from django.db import connection, transaction  # noqa: PLC0415

    from clearing.services import verification  # noqa: PLC0415

    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute(f"SET TRANSACTION SNAPSHOT '{snapshot}'")  # it takes no parameter
        found = verification.answer(number, part)
        transaction.set_rollback(True)
    return found
