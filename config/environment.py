"""The environment, read once and typed; all faults are reported together."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

APPLICATION_ROLE = "surety_app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    debug: bool
    secret_key: str
    allowed_hosts: list[str]
    trusted_origins: list[str]
    var: Path
    database_url: str
    broker_url: str
    database_role: str
    embedded: bool  # at least one of the two servers is ours to start
    job_lease_seconds: int
    chunk_accounts: int
    checkpoint_key: Path


def read_environment(base: Path, environ: Mapping[str, str] = os.environ) -> Environment:
    """Raises ImproperlyConfigured with every fault and its remedy."""
    faults: list[str] = []
    debug = _flag(environ, "SURETY_DEBUG", default=True, faults=faults)
    database_url, broker_url = environ.get("DATABASE_URL", ""), environ.get("BROKER_URL", "")
    embedded = not (database_url and broker_url)
    if embedded and not debug:
        faults.append(
            "DATABASE_URL and BROKER_URL: the embedded servers are for trying Surety out;"
            " with SURETY_DEBUG=0 name your own PostgreSQL and Redis or Valkey"
        )
    if _eager(environ):
        faults.append(
            "CELERY_TASK_ALWAYS_EAGER: running tasks in the caller hides lost and repeated work;"
            " unset it and start a worker"
        )
    var = Path(environ.get("SURETY_VAR", "") or base / "var")
    secret = environ.get("SURETY_SECRET_KEY", "")
    if not secret and not debug:
        faults.append("SURETY_SECRET_KEY: set it to fifty random characters that stay the same")
    lease = _number(environ, "SURETY_JOB_LEASE_SECONDS", default=30, faults=faults)
    chunk = _number(environ, "SURETY_CHUNK_ACCOUNTS", default=2_000, faults=faults)
    if faults:
        raise ImproperlyConfigured("The environment needs mending:\n- " + "\n- ".join(faults))
    return Environment(
        debug=debug,
        secret_key=secret or _kept_secret(var),
        allowed_hosts=_listed(environ, "SURETY_ALLOWED_HOSTS") or (["*"] if debug else []),
        trusted_origins=_listed(environ, "SURETY_TRUSTED_ORIGINS"),
        var=var,
        database_url=database_url,
        broker_url=broker_url,
        database_role=environ.get("SURETY_DATABASE_ROLE", APPLICATION_ROLE),
        embedded=embedded,
        job_lease_seconds=lease,
        chunk_accounts=chunk,
        checkpoint_key=Path(environ.get("SURETY_CHECKPOINT_KEY", "") or var / "checkpoint-key"),
    )


def _flag(environ: Mapping[str, str], name: str, *, default: bool, faults: list[str]) -> bool:
    text = environ.get(name, "")
    if text not in ("", "0", "1"):
        faults.append(f"{name}: is {text!r}; set it to 0 or 1")
    return default if text == "" else text == "1"


def _number(environ: Mapping[str, str], name: str, *, default: int, faults: list[str]) -> int:
    text = environ.get(name, "") or str(default)
    if not text.isdecimal() or int(text) == 0:
        faults.append(f"{name}: is {text!r}; set it to a whole number above zero")
        return default
    return int(text)


def _eager(environ: Mapping[str, str]) -> bool:
    return environ.get("CELERY_TASK_ALWAYS_EAGER", "").lower() not in ("", "0", "false", "no")


def _listed(environ: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in environ.get(name, "").split(",") if part.strip()]


def _kept_secret(var: Path) -> str:
    """Trying out needs no secret to be thought up, but sessions should outlive a restart."""
    kept = var / "secret-key"
    if not kept.exists():
        var.mkdir(parents=True, exist_ok=True)
        fresh = kept.with_suffix(f".{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48))
        if not kept.exists():
            fresh.replace(kept)
        fresh.unlink(missing_ok=True)
    return kept.read_text()
