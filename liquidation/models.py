"""Rows of cases, rebuilt from facts."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Case(models.Model):
    case_id = models.CharField(primary_key=True, max_length=60)
    account = models.CharField(max_length=40, db_index=True)
    call_id = models.CharField(max_length=60)
    correlation_id = models.CharField(max_length=100)
    state = models.CharField(max_length=12)
    reason = models.CharField(max_length=300)
    asset = models.CharField(max_length=20)
    equity = models.BigIntegerField()
    maintenance = models.BigIntegerField()
    target = models.BigIntegerField(default=0)
    steps = models.IntegerField(default=0)
    penalty = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    sequence = models.BigIntegerField()
    latest = models.BigIntegerField()
    flagged = models.BigIntegerField(null=True)  # sequence of the latest flag
    flagged_because = models.CharField(max_length=300, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=~Q(state="closed"), name="one_open_case"
            )
        ]
        indexes = [
            models.Index(
                fields=["-flagged"],
                name="case_flagged",
                condition=Q(flagged__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return self.case_id
