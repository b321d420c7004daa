"""Collateral: the schedule, what lies in lots, and what is on its way out."""

from __future__ import annotations

from django.db import models


class Withdrawal(models.Model):
    """Asked for, and what became of it."""

    withdrawal_id = models.CharField(primary_key=True, max_length=64)
    account = models.CharField(max_length=40, db_index=True)
    asset = models.CharField(max_length=20)
    amount = models.BigIntegerField()
    status = models.CharField(max_length=10)  # clearing.domain.withdrawal.State
    reason = models.CharField(max_length=300)
    sequence = models.BigIntegerField()
    requested_at = models.DateTimeField()
    goes_at = models.DateTimeField(null=True)  # while it waits for room: not before this
    left_at = models.DateTimeField(null=True)  # when it settled

    class Meta:
        indexes = [
            models.Index(fields=["asset", "left_at"], name="withdrawal_left"),
            models.Index(
                fields=["status", "sequence"],
                name="withdrawal_pending",
                condition=~models.Q(status__in=("settled", "refused")),
            ),
        ]


class Substitution(models.Model):
    """`amount` of `asset` is to leave for `incoming_amount` of `incoming`."""

    substitution_id = models.CharField(primary_key=True, max_length=64)
    account = models.CharField(max_length=40, db_index=True)
    asset = models.CharField(max_length=20)
    amount = models.BigIntegerField()
    incoming = models.CharField(max_length=20)
    incoming_amount = models.BigIntegerField()
    state = models.CharField(max_length=10)  # clearing.domain.substitution.State
    reason = models.CharField(max_length=300)
    sequence = models.BigIntegerField()
    proposed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    goes_at = models.DateTimeField(null=True)
    left_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["asset", "left_at"], name="substitution_left"),
            models.Index(
                fields=["expires_at"],
                name="substitution_open",
                condition=models.Q(state__in=("proposed", "covered", "waiting")),
            ),
        ]


class CollateralLot(models.Model):
    """A deposit, or the part of it that is still there; encumbered whole, by one thing at most."""

    lot_id = models.CharField(primary_key=True, max_length=50)
    account = models.CharField(max_length=40)
    asset = models.CharField(max_length=20)
    units = models.BigIntegerField()
    custodian = models.CharField(max_length=40)  # "" where nobody said
    deposited_at = models.DateTimeField()
    sequence = models.BigIntegerField()  # of the fact that brought it
    encumbered_by = models.CharField(max_length=80)  # "" | <kind>:<its id>

    class Meta:
        indexes = [models.Index(fields=["account", "asset"], name="lot_of_account")]
        constraints = [
            models.CheckConstraint(condition=models.Q(units__gt=0), name="lot_not_empty")
        ]


class CollateralTerm(models.Model):
    """One announced fact of the schedule, and when its time comes."""

    sequence = models.BigIntegerField(primary_key=True)
    asset = models.CharField(max_length=20)  # "" for the schedule itself
    fact = models.CharField(max_length=60)  # the fact's name in the catalogue
    body = models.TextField()  # its fields, as JSON
    announced_at = models.DateTimeField()
    effective_from = models.DateTimeField()
