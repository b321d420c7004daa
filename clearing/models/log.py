"""The log and what proves it: events, streams, keys, blocks."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Stream(models.Model):
    """The head of one stream; locking it is how writers queue."""

    name = models.CharField(primary_key=True, max_length=100)
    version = models.IntegerField()
    head = models.BinaryField(max_length=32)

    class Meta:
        verbose_name_plural = "streams"


class Event(models.Model):
    """One fact. Never updated, deleted or truncated: privileges and triggers both say so."""

    append_only: ClassVar[bool] = True

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

    append_only: ClassVar[bool] = True

    scope = models.CharField(max_length=100)  # the credential, venue or job the key belongs to
    key = models.CharField(max_length=200)
    request_hash = models.BinaryField(max_length=32)
    first = models.BigIntegerField(null=True)  # None: kept before the first was kept too
    sequence = models.BigIntegerField()  # the last
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="command_key_once")]
        # a few bytes for every 32 pages, so that writers do not feel it; the sealer reads by it
        indexes = [BrinIndex(fields=["sequence"], name="command_led_to", pages_per_range=32)]


class Block(models.Model):
    """A sealed stretch of the global order, in a chain. Its head hashes every other column
    (clearing/domain/evidence/header.py); blocks of format 1 hashed numbers and root alone.

    `dead` holds runs of sequences without a fact, first and last of each in turn, since the block
    before; `total` how many facts there are up to `last`; `keys` the hashes of the idempotency keys
    that led to its facts, 32 bytes each.
    """

    append_only: ClassVar[bool] = True

    number = models.BigIntegerField(primary_key=True)
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    count = models.IntegerField()
    root = models.BinaryField(max_length=32)
    head = models.BinaryField(max_length=32)
    sealed_at = models.DateTimeField()
    format = models.SmallIntegerField(db_default=1)
    previous = models.BinaryField(max_length=32, db_default=b"")
    total = models.BigIntegerField(db_default=0)
    dead = ArrayField(models.BigIntegerField(), db_default=[])
    decoder = models.SmallIntegerField(db_default=0)
    columns = models.BinaryField(max_length=32, db_default=b"")
    keys = models.BinaryField(db_default=b"")
    epoch = models.CharField(max_length=40, db_default="")

    class Meta:
        verbose_name = "sealed block"


class BlockColumns(models.Model):
    """A block's movements as columns, by one version of the decoder: what replays read.

    The row of the block's own decoder has the digest its header names; a later decoder adds a row
    of its own, which changes neither the block nor its root.
    """

    append_only: ClassVar[bool] = True

    pk = models.CompositePrimaryKey("block", "decoder")
    block = models.BigIntegerField()
    decoder = models.SmallIntegerField()
    digest = models.BinaryField(max_length=32)
    body = models.BinaryField()  # stored as it is: clearing/domain/evidence/columns.py


class Checkpoint(models.Model):
    """A signed statement of the log up to a block, as it was given away; `key` checks it."""

    append_only: ClassVar[bool] = True

    block = models.BigIntegerField(primary_key=True)
    note = models.TextField()
    key = models.CharField(max_length=200)
    issued_at = models.DateTimeField()


class Snapshot(models.Model):
    """What a stream folded to at a version: a baseline for the next fold, never the truth.

    All of them may be deleted at any time.
    """

    pk = models.CompositePrimaryKey("stream", "projector", "projector_version")
    stream = models.CharField(max_length=100)
    projector = models.CharField(max_length=40)
    projector_version = models.IntegerField()
    version = models.IntegerField()
    state = models.TextField()
    state_hash = models.BinaryField(max_length=32)


class SealState(models.Model):
    """One row: how far the global order is final, and the fence that proves the next stretch.

    `epoch` is the server and timeline the fence belongs to; `heartbeat` when a sealer last looked.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    last = models.BigIntegerField(default=0)
    block = models.BigIntegerField(default=0)
    head = models.BinaryField(max_length=32, default=bytes(32))
    fence_position = models.BigIntegerField(default=0)
    fence_transaction = models.BigIntegerField(default=0)
    epoch = models.CharField(max_length=40, default="")
    heartbeat = models.DateTimeField(db_default=Now())
