"""Jobs: what is due, under way and dead."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from clearing import models


def open_jobs() -> int:
    return models.Job.objects.filter(state__in=["due", "leased"]).count()


def jobs() -> QuerySet[models.Job]:
    return models.Job.objects.order_by("-id")


def oldest_due() -> datetime | None:
    rows = models.Job.objects.filter(state__in=["due", "leased"]).order_by("not_before")
    return rows.values_list("not_before", flat=True).first()


def dead_jobs() -> QuerySet[models.Job]:
    return models.Job.objects.filter(state="dead").order_by("id")
