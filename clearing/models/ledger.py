"""The book: entries, holdings, and books frozen for a run."""

from __future__ import annotations

from django.db import models


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
