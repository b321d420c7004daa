"""The log and what proves it: events, streams, keys, blocks."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class Stream(models.Model):
    """The head of one stream; locking it is how writers queue."""

    name = models.CharField(primary_key=True, max_length=100)
    version = models.IntegerField()
    head = models.BinaryField(max_length=32)

    class Meta:
        verbose_name_plural = "streams"


class Event(models.Model):
    """One fact. Never updated, deleted or truncated: privileges and triggers both say so."""

    sequence = models.BigAutoField(primary_key=True)
    stream = models.CharField(max_length=100)
    version = models.IntegerField()
    name = models.CharField(max_length=80)
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    correlation_id = models.CharField(max_length=100)
    cause = models.BigIntegerField(null=True)
    payload = models.TextField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = "event"
        constraints = [
            models.UniqueConstraint(fields=["stream", "version"], name="event_version_once"),
            models.CheckConstraint(condition=Q(version__gt=0), name="event_version_from_one"),
        ]
        indexes = [
            models.Index(fields=["correlation_id", "sequence"], name="event_trail"),
            models.Index(fields=["name", "sequence"], name="event_by_name"),
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.name}"


class Command(models.Model):
    """An idempotency key, kept for ever with the hash of what came under it and what it led to."""

    scope = models.CharField(max_length=100)  # the credential, venue or job the key belongs to
    key = models.CharField(max_length=200)
    request_hash = models.BinaryField(max_length=32)
    first = models.BigIntegerField(null=True)  # None: kept before the first was kept too
    sequence = models.BigIntegerField()  # the last
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="command_key_once")]


class Block(models.Model):
    """A sealed stretch of the global order; its Merkle root is chained to the one before."""

    number = models.BigIntegerField(primary_key=True)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    count = models.IntegerField()
    root = models.BinaryField(max_length=32)
    head = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField()

    class Meta:
        verbose_name = "sealed block"


class SealState(models.Model):
    """One row: how far the global order is final, and the fence that proves the next stretch."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    last = models.BigIntegerField(default=0)
    block = models.BigIntegerField(default=0)
    head = models.BinaryField(max_length=32, default=bytes(32))
    fence_position = models.BigIntegerField(default=0)
    fence_transaction = models.BigIntegerField(default=0)
    system_identifier = models.CharField(max_length=40, default="")
