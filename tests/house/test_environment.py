"""The environment is read once, and every fault in it is reported together, with its remedy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.environment import APPLICATION_ROLE, read_environment

ROOT = Path(__file__).resolve().parents[2]


def read(tmp_path: Path, **environ: str):
    return read_environment(tmp_path, {"SURETY_VAR": str(tmp_path), **environ})


def test_a_bare_machine_gets_embedded_servers_and_a_secret_that_stays(tmp_path):
    first, again = read(tmp_path), read(tmp_path)

    assert first.embedded
    assert first.debug
    assert first.database_role == APPLICATION_ROLE
    assert first.secret_key == again.secret_key
    assert (tmp_path / "secret-key").stat().st_mode & 0o077 == 0


def test_embedded_servers_are_refused_outside_debug(tmp_path):
    with pytest.raises(ImproperlyConfigured, match="name your own PostgreSQL"):
        read(tmp_path, SURETY_DEBUG="0", SURETY_SECRET_KEY="x" * 50)


def test_your_own_servers_are_used_when_both_are_named(tmp_path):
    found = read(
        tmp_path,
        SURETY_DEBUG="0",
        SURETY_SECRET_KEY="x" * 50,
        DATABASE_URL="postgresql://there/surety",
        BROKER_URL="redis://there/0",
    )

    assert not found.embedded
    assert found.allowed_hosts == []


def test_tasks_may_not_run_in_their_caller(tmp_path):
    with pytest.raises(ImproperlyConfigured, match="CELERY_TASK_ALWAYS_EAGER"):
        read(tmp_path, CELERY_TASK_ALWAYS_EAGER="1")


def test_all_faults_are_reported_at_once(tmp_path):
    with pytest.raises(ImproperlyConfigured) as caught:
        read(tmp_path, SURETY_DEBUG="maybe", SURETY_JOB_LEASE_SECONDS="soon")

    assert "SURETY_DEBUG" in str(caught.value)
    assert "SURETY_JOB_LEASE_SECONDS" in str(caught.value)


def test_a_command_says_what_to_mend_without_a_traceback(tmp_path):
    environ = os.environ | {"SURETY_VAR": str(tmp_path), "CELERY_TASK_ALWAYS_EAGER": "true"}

    ran = subprocess.run(
        [sys.executable, "manage.py", "verify"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode != 0
    assert "start a worker" in ran.stderr
    assert "Traceback" not in ran.stderr
