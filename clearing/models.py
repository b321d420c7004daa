"""The record's tables: the log and its evidence, then rows that can be rebuilt from it."""

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
    sequence = models.BigIntegerField()
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


class PriceBody(models.Model):
    """The content of a sealed price set, named by its hash; insert-only like the log."""

    name = models.CharField(primary_key=True, max_length=64)
    body = models.TextField()


class Entry(models.Model):
    """A fact's balanced effects. A projection: `verify` recomputes it from the facts."""

    id = models.BigAutoField(primary_key=True)
    sequence = models.BigIntegerField()
    account = models.CharField(max_length=40)
    asset = models.CharField(max_length=60)
    amount = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "entries"
        indexes = [
            models.Index(fields=["sequence"], name="entry_of_event"),
            models.Index(fields=["account", "asset", "sequence"], name="entry_of_account"),
        ]


class Holding(models.Model):
    """Sum of an account's entries in one asset, as of its stream's head; zero rows are removed."""

    id = models.BigAutoField(primary_key=True)
    account = models.CharField(max_length=40)
    asset = models.CharField(max_length=60)
    amount = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "asset"], name="holding_once")]
        indexes = [models.Index(fields=["asset"], name="holding_of_asset")]


class AccountState(models.Model):
    """What the account's own stream says of it, beside its holdings: the rest of its snapshot."""

    account = models.CharField(primary_key=True, max_length=40)
    member = models.CharField(max_length=40)
    kind = models.CharField(max_length=20)
    title = models.CharField(max_length=100)
    standing = models.CharField(max_length=20)
    version = models.IntegerField()
    sequence = models.BigIntegerField()  # of its latest fact
    opened_at = models.DateTimeField()


class Withdrawal(models.Model):
    """Asked for, and what became of it."""

    withdrawal_id = models.CharField(primary_key=True, max_length=64)
    account = models.CharField(max_length=40, db_index=True)
    asset = models.CharField(max_length=20)
    amount = models.BigIntegerField()
    status = models.CharField(max_length=10)  # requested | settled | refused
    reason = models.CharField(max_length=300)
    sequence = models.BigIntegerField()
    requested_at = models.DateTimeField()


class Asset(models.Model):
    asset = models.CharField(primary_key=True, max_length=20)
    scale = models.SmallIntegerField()
    title = models.CharField(max_length=100)


class Instrument(models.Model):
    symbol = models.CharField(primary_key=True, max_length=40)
    kind = models.CharField(max_length=10)
    payoff = models.CharField(max_length=10)
    underlying = models.CharField(max_length=20)
    quote = models.CharField(max_length=20)
    settlement = models.CharField(max_length=20)
    lot_size = models.CharField(max_length=30)
    tick_size = models.CharField(max_length=30)
    expiry_at = models.DateTimeField(null=True)
    strike = models.CharField(max_length=30)
    option_type = models.CharField(max_length=4)
    status = models.CharField(max_length=10)
    index = models.CharField(max_length=40, default="")  # final, once expired
    sequence = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["status", "expiry_at"], name="instrument_expiring")]

    def __str__(self) -> str:
        return self.symbol


class PriceSet(models.Model):
    """Which content was sealed when; the latest by sequence is the one in force."""

    sequence = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=64)
    source = models.CharField(max_length=100)
    at = models.DateTimeField()
    quotes = models.IntegerField()
    simulated = models.BooleanField()
    settled = models.BooleanField(default=False)  # expiries paid: the book may be margined on it


class Clock(models.Model):
    """One row: business time."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    mode = models.CharField(max_length=10)
    now = models.DateTimeField()
    sequence = models.BigIntegerField()


class HousePolicy(models.Model):
    """One row: the policy in force."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    price_max_age_seconds = models.IntegerField()
    penalty_rate = models.CharField(max_length=20)
    price_band = models.CharField(max_length=20)
    margin_period_seconds = models.IntegerField()
    sequence = models.BigIntegerField()


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


class FrozenAccount(models.Model):
    """One account in a book frozen for a run, at its own version; trading goes on meanwhile."""

    id = models.BigAutoField(primary_key=True)
    book = models.CharField(max_length=80)
    ordinal = models.IntegerField()
    account = models.CharField(max_length=40)
    version = models.IntegerField()
    sequence = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["book", "ordinal"], name="frozen_account_once")
        ]


class FrozenHolding(models.Model):
    id = models.BigAutoField(primary_key=True)
    book = models.CharField(max_length=80)
    ordinal = models.IntegerField()
    asset = models.CharField(max_length=60)
    amount = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["book", "ordinal"], name="frozen_holding_of")]
