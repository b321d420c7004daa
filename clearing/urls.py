"""The record's routes."""

from django.urls import path

from clearing.api import collateral, holdings, paths, reference, settlement, trades, trail

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
        "accounts/<name:account_id>/exercise-instructions",
        settlement.ExerciseInstructions.as_view(),
    ),
    path("settlement-cycles", settlement.Cycles.as_view()),
    path("settlement-cycles/<name:cycle_id>", settlement.OneCycle.as_view()),
    path("settlement-cycles/<name:cycle_id>/instructions", settlement.CycleInstructions.as_view()),
    path("obligations", settlement.Obligations.as_view()),
    path("instruments", reference.Instruments.as_view()),
    path("instruments/<symbol:symbol>", reference.OneInstrument.as_view()),
    path("prices", reference.LatestPrices.as_view()),
    path("clock", reference.BusinessClock.as_view()),
    path("events", trail.OwnEvents.as_view()),
    path("audit/<name:correlation_id>", trail.Audit.as_view()),
]
