"""Collateral on its way out."""

from __future__ import annotations

from django.db import models


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
