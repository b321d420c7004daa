"""Sealed prices."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class PriceBody(models.Model):
    """The content of a sealed price set, named by its hash; insert-only like the log."""

    append_only: ClassVar[bool] = True

    name = models.CharField(primary_key=True, max_length=64)
    body = models.TextField()


class PriceSet(models.Model):
    """Which content was sealed when; the latest by sequence is the one in force."""

    sequence = models.BigIntegerField(primary_key=True)
    name = models.CharField(max_length=64)
    source = models.CharField(max_length=100)
    at = models.DateTimeField()
    quotes = models.IntegerField()
    simulated = models.BooleanField()
    settled = models.BooleanField(default=False)  # expiries paid: the book may be margined on it
