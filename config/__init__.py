"""The wiring: settings, routes, pages and commands that join the apps."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """`celery -A config` finds the app here; the launcher imports this package without Celery."""
    if name in ("app", "celery_app"):
        from config.celery import app  # noqa: PLC0415 - see above

        return app
    raise AttributeError(name)
