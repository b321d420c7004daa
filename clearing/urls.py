"""The record's routes."""

from django.urls import path

from clearing.api import (
    collateral,
    holdings,
    lots,
    paths,
    reference,
    substitutions,
    trades,
    trail,
)

assert paths  # registers what `name` and `symbol` mean below

urlpatterns = [
    path("trades", trades.Trades.as_view(), name="trades"),
    path("trades/batch", trades.TradeBatch.as_view(), name="trade-batch"),
    path("accounts/<name:account_id>/positions", holdings.AccountPositions.as_view()),
    path("accounts/<name:account_id>/balances", holdings.AccountBalances.as_view()),
    path("accounts/<name:account_id>/deposits", collateral.Deposits.as_view()),
    path("accounts/<name:account_id>/withdrawals", collateral.Withdrawals.as_view()),
    path(
        "accounts/<name:account_id>/withdrawals/<name:withdrawal_id>",
        collateral.OneWithdrawal.as_view(),
        name="withdrawal",
    ),
    path(
        "accounts/<name:account_id>/withdrawals/<name:withdrawal_id>/confirm",
        substitutions.Readiness.as_view(),
    ),
    path("accounts/<name:account_id>/collateral/lots", lots.AccountCollateral.as_view()),
    path("accounts/<name:account_id>/substitutions", substitutions.Substitutions.as_view()),
    path(
        "accounts/<name:account_id>/substitutions/<name:substitution_id>",
        substitutions.OneSubstitution.as_view(),
        name="substitution",
    ),
    path(
        "accounts/<name:account_id>/substitutions/<name:substitution_id>/confirm",
        substitutions.Arrival.as_view(),
    ),
    path(
        "accounts/<name:account_id>/substitutions/<name:substitution_id>/cancel",
        substitutions.Cancellation.as_view(),
    ),
    path("collateral/schedule", lots.CollateralSchedule.as_view()),
    path("instruments", reference.Instruments.as_view()),
    path("instruments/<symbol:symbol>", reference.OneInstrument.as_view()),
    path("prices", reference.LatestPrices.as_view()),
    path("clock", reference.BusinessClock.as_view()),
    path("events", trail.OwnEvents.as_view()),
    path("audit/<name:correlation_id>", trail.Audit.as_view()),
]
