"""What the outside says, where it differs, and what may not leave meanwhile."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class OutsideDocument(models.Model):
    """A statement from outside as it came, named by its hash; insert-only like the log."""

    name = models.CharField(primary_key=True, max_length=64)
    body = models.TextField()


class Reconciliation(models.Model):
    """One run: a statement held against the book."""

    sequence = models.BigIntegerField(primary_key=True)
    holder = models.CharField(max_length=40)
    kind = models.CharField(max_length=10)
    document = models.CharField(max_length=64)
    at = models.DateTimeField()
    lines = models.IntegerField()
    matched = models.IntegerField()
    breaks = models.IntegerField()
    missing = models.IntegerField()
    last_source = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["holder", "kind", "sequence"], name="run_of_holder")]


class Break(models.Model):
    """A difference, from the run that found it to the run that found it gone."""

    break_id = models.CharField(primary_key=True, max_length=30)
    holder = models.CharField(max_length=40)
    kind = models.CharField(max_length=10)
    account = models.CharField(max_length=40)
    asset = models.CharField(max_length=40)
    unit = models.CharField(max_length=10)
    ours = models.BigIntegerField()
    theirs = models.BigIntegerField()
    difference = models.BigIntegerField()
    halts = models.CharField(max_length=20)
    missing = models.TextField()
    status = models.CharField(max_length=10)  # open | explained | resolved
    reason = models.CharField(max_length=300)
    found_at = models.DateTimeField()
    sequence = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["holder", "kind", "account", "asset"],
                condition=~Q(status="resolved"),
                name="one_break_stands",
            )
        ]


class Tolerance(models.Model):
    """How large a difference in an asset may be and halt nothing."""

    asset = models.CharField(primary_key=True, max_length=20)
    amount = models.BigIntegerField()


class ReleaseHalt(models.Model):
    """An asset of which nothing may leave; the row goes with the certificate."""

    asset = models.CharField(primary_key=True, max_length=20)
    because = models.CharField(max_length=10)
    reason = models.CharField(max_length=300)
    since = models.DateTimeField()
    sequence = models.BigIntegerField()


class Violation(models.Model):
    """An invariant that does not hold now; the row goes when it holds again."""

    sequence = models.BigIntegerField(primary_key=True)
    invariant = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    says = models.TextField()
    since = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invariant", "subject"], name="violation_once")
        ]
