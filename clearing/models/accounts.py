"""Accounts."""

from __future__ import annotations

from django.db import models


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
