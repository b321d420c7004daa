"""What must follow a fact."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Job(models.Model):
    """What must follow a fact. PostgreSQL is the queue of record; the broker only wakes workers."""

    class State(models.TextChoices):
        DUE = "due"
        LEASED = "leased"
        DONE = "done"
        DEAD = "dead"  # gave up after its attempts: somebody must look

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=200)
    address = models.JSONField(default=dict)
    state = models.CharField(max_length=6, choices=State.choices, default=State.DUE)
    attempts = models.SmallIntegerField(default=0)
    token = models.IntegerField(default=0)  # fencing: only its holder may finish
    not_before = models.DateTimeField()
    poked_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, default="")
    error = models.TextField(default="")
    left_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="job_once")]
        indexes = [
            models.Index(
                fields=["not_before"], condition=Q(state__in=["due", "leased"]), name="job_open"
            )
        ]
