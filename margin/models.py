"""Rows of runs and results. Results are insert-only and can be recomputed from what they name."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class ParameterBody(models.Model):
    """The content of a parameter set, named by its hash; insert-only."""

    append_only: ClassVar[bool] = True

    name = models.CharField(primary_key=True, max_length=64)
    body = models.TextField()


class ParameterSet(models.Model):
    """Which set is in force since when; the latest by sequence."""

    sequence = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=64)
    method = models.CharField(max_length=80)
    reporting = models.CharField(max_length=20)
    effective_at = models.DateTimeField()


class Run(models.Model):
    """A margin run: what it is pinned to, and how far it is. Progress, so not a projection."""

    run_id = models.CharField(primary_key=True, max_length=80)
    kind = models.CharField(max_length=10)
    price_sequence = models.BigIntegerField()
    price_set = models.CharField(max_length=64)
    parameter_set = models.CharField(max_length=64)
    at = models.DateTimeField()
    accounts = models.IntegerField()
    unpriced = models.IntegerField(default=0)
    result_hash = models.CharField(max_length=64, default="")
    correlation_id = models.CharField(max_length=100)
    completed = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["kind", "-at"], name="run_latest")]


class Requirement(models.Model):
    """One account in one run. Money is minor units of the parameter set's reporting asset.

    `detail` holds every component, the binding scenario and the whole vector of each margin group.
    """

    append_only: ClassVar[bool] = True

    id = models.BigAutoField(primary_key=True)
    run_id = models.CharField(max_length=80)
    account = models.CharField(max_length=40)
    account_version = models.IntegerField()
    account_sequence = models.BigIntegerField()
    price_sequence = models.BigIntegerField()
    parameter_set = models.CharField(max_length=64)
    at = models.DateTimeField()
    reason = models.CharField(max_length=300)  # "" when priced
    asset = models.CharField(max_length=20)
    equity = models.BigIntegerField()
    maintenance = models.BigIntegerField()
    initial = models.BigIntegerField()
    array_digest = models.CharField(max_length=64)
    result_hash = models.CharField(max_length=64)
    detail = models.TextField()  # JSON as it was hashed, to the last digit

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run_id", "account"], name="requirement_once")
        ]
        indexes = [
            models.Index(
                fields=["account", "-price_sequence", "-account_version", "-id"],
                name="requirement_latest",
            )
        ]


class MarginCall(models.Model):
    """A call and what became of it."""

    call_id = models.CharField(primary_key=True, max_length=60)
    account = models.CharField(max_length=40, db_index=True)
    state = models.CharField(max_length=12)
    asset = models.CharField(max_length=20)
    amount = models.BigIntegerField()
    equity = models.BigIntegerField()
    maintenance = models.BigIntegerField()
    target = models.BigIntegerField()
    issued_at = models.DateTimeField()
    due_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=40)
    run_id = models.CharField(max_length=80)
    correlation_id = models.CharField(max_length=100)
    sequence = models.BigIntegerField()  # of its first fact
    latest = models.BigIntegerField()  # of its last

    class Meta:
        indexes = [models.Index(fields=["state", "due_at"], name="call_due")]
