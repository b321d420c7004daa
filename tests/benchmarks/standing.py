"""A house on an embedded PostgreSQL that keeps its promises (fsync on), in a folder of its own."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def a_standing_house() -> Iterator[str]:
    """Set Django up on a fresh, migrated database, as the application's role; yield its URL."""
    var = Path(tempfile.mkdtemp(prefix="surety-bench-"))
    var.chmod(0o755)
    os.environ.update(SURETY_VAR=str(var), DJANGO_SETTINGS_MODULE="config.settings")
    os.environ.pop("DATABASE_URL", None)
    import django
    from django.conf import settings

    from config import embedded

    try:
        with embedded.servers(var, durable=True):
            django.setup()
            from django.core.management import call_command
            from django.db import connection

            options = connection.settings_dict["OPTIONS"]
            role = options.pop("assume_role")
            call_command("migrate", verbosity=0)
            connection.close()
            options["assume_role"] = role
            yield settings.DATABASE_URL
            connection.close()
    finally:
        shutil.rmtree(var, ignore_errors=True)
