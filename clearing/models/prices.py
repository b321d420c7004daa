"""Sealed prices, what they were made of, and by which rules."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class PriceBody(models.Model):
    """The content of a sealed price set, named by its hash; insert-only like the log."""

    append_only: ClassVar[bool] = True

    name = models.CharField(primary_key=True, max_length=64)
    body = models.TextField()


class PriceSet(models.Model):
    """Which content was sealed when. In force is the latest by time, and of one time the latest
    by sequence: a correction stands in for the set of its own time, and for no later one."""

    sequence = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=64)
    source = models.CharField(max_length=100)
    at = models.DateTimeField()
    quotes = models.IntegerField()
    simulated = models.BooleanField()
    settled = models.BooleanField(default=False)  # expiries paid: the book may be margined on it
    corrects = models.BigIntegerField(null=True)  # sequence of the set it stands in for
    reason = models.CharField(max_length=200, default="")  # of the correction

    class Meta:
        indexes = [models.Index(fields=["-at", "-sequence"], name="price_set_in_force")]


class PriceSource(models.Model):
    """Who is heard when a set is made."""

    source = models.CharField(primary_key=True, max_length=20)
    kind = models.CharField(max_length=10)
    weight = models.IntegerField()
    quotes = models.CharField(max_length=400)
    reporter = models.CharField(max_length=4)
    simulated = models.BooleanField()
    title = models.CharField(max_length=100)
    standing = models.CharField(max_length=10)  # active | suspended
    reason = models.CharField(max_length=200, default="")
    sequence = models.BigIntegerField()


class PriceRules(models.Model):
    """One row: the price policy in force."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    policy = models.JSONField()
    sequence = models.BigIntegerField()

    class Meta:
        verbose_name = "price policy"
        verbose_name_plural = "price policy"


class PriceDeferral(models.Model):
    """A window that closed without a set."""

    sequence = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    observations = models.IntegerField()
    rejected = models.IntegerField()
    evidence = models.CharField(max_length=64)


class ObservationBatch(models.Model):
    """What a source reported at once, as it came, named by its hash; insert-only like the log.

    The times of its observations stand beside it, so that a window finds its batches by index.
    """

    number = models.BigAutoField(primary_key=True)
    name = models.CharField(max_length=64, unique=True)
    source = models.CharField(max_length=20)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    received_at = models.DateTimeField()  # business time
    actor = models.CharField(max_length=200)  # who reported it first
    correlation_id = models.CharField(max_length=100)
    count = models.IntegerField()
    body = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["last_at"], name="observation_window")]


class PriceRejection(models.Model):
    """What was not heard for a set, or why a subject has no price in it; insert-only like the log."""

    id = models.BigAutoField(primary_key=True)
    outcome = models.CharField(max_length=64)  # the set's name, or a deferral's evidence
    subject = models.CharField(max_length=100)
    source = models.CharField(max_length=20)  # "" for a subject as a whole
    why = models.CharField(max_length=20)
    says = models.CharField(max_length=300)

    class Meta:
        indexes = [models.Index(fields=["outcome", "id"], name="rejections_of")]
