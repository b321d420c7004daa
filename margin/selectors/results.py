"""Runs and their results."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from clearing import selectors as record
from clearing.domain.errors import NotFound
from margin import models
from margin.domain.calls import Levels
from margin.domain.events import RUNS_OF_ALL


def latest_requirement(account_id: str) -> models.Requirement | None:
    """By the newest price set and account version that were margined, priced or not."""
    rows = models.Requirement.objects.filter(account=account_id)
    return rows.order_by("-price_sequence", "-account_version", "-id").first()


def latest_requirements() -> list[models.Requirement]:
    """One row for each account that was ever margined, by one look at the index for each."""
    accounts = [row.account_id for row in record.account_rows()]
    return list(models.Requirement.objects.raw(_LATEST, [accounts]))


def requirement_in(run_id: str, account_id: str) -> models.Requirement:
    """Raises NotFound."""
    row = models.Requirement.objects.filter(run_id=run_id, account=account_id).first()
    if row is None:
        raise NotFound(field="run", run=run_id, account=account_id)
    return row


def requirements_in(run_ids: Iterable[str], account_id: str) -> dict[str, models.Requirement]:
    """run -> the account's row in it, of those runs that have one."""
    rows = models.Requirement.objects.filter(run_id__in=list(run_ids), account=account_id)
    return {row.run_id: row for row in rows.defer("detail")}


def requirements(account_id: str) -> QuerySet[models.Requirement]:
    return models.Requirement.objects.filter(account=account_id).order_by("-id").defer("detail")


def levels(row: models.Requirement) -> Levels:
    return Levels(
        asset=row.asset,
        equity=row.equity,
        maintenance=row.maintenance,
        initial=row.initial,
        run_id=row.run_id,
        price_sequence=row.price_sequence,
        account_version=row.account_version,
    )


def run(run_id: str) -> models.Run:
    """Raises NotFound."""
    found = models.Run.objects.filter(run_id=run_id).first()
    if found is None:
        raise NotFound(field="run", run=run_id)
    return found


def runs() -> QuerySet[models.Run]:
    return models.Run.objects.order_by("-started_at", "-run_id")


def last_run_of_all() -> models.Run | None:
    """The newest by business time, under way or completed; one look at the index for each kind."""
    return _newest_of_all(models.Run.objects.all())


def last_completed_run_of_all() -> models.Run | None:
    return _newest_of_all(models.Run.objects.filter(completed=True))


def _newest_of_all(rows: QuerySet[models.Run]) -> models.Run | None:
    newest = [rows.filter(kind=kind).order_by("-at", "-started_at").first() for kind in RUNS_OF_ALL]
    found = [run for run in newest if run]
    return max(found, key=lambda run: (run.at, run.started_at), default=None)


def components(row: models.Requirement) -> list[dict[str, Any]]:
    """Per margin group: components, binding scenario and the whole vector."""
    groups: list[dict[str, Any]] = json.loads(row.detail).get("groups", [])
    return groups


def collateral_cuts(row: models.Requirement) -> list[dict[str, Any]]:
    """Per asset: its market value, each cut of the collateral schedule and what each level requires
    for them beyond the method's haircut; minor units of the result's asset."""
    lines: list[dict[str, Any]] = json.loads(row.detail).get("collateral", [])
    return [{"gap": 0, **line} for line in lines]  # older results know of no gap


_LATEST = """
    SELECT latest.id, latest.run_id, latest.account, latest.account_version,
           latest.account_sequence, latest.price_sequence, latest.parameter_set, latest.at,
           latest.reason, latest.asset, latest.equity, latest.maintenance, latest.initial,
           latest.array_digest, latest.result_hash
    FROM unnest(%s::text[]) AS wanted (account)
    CROSS JOIN LATERAL (
        SELECT * FROM margin_requirement AS it WHERE it.account = wanted.account
        ORDER BY it.price_sequence DESC, it.account_version DESC, it.id DESC LIMIT 1
    ) AS latest
    ORDER BY latest.account
"""
