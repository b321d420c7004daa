"""The record's routes."""

from django.urls import path

from clearing.api import collateral, evidence, holdings, paths, reference, trades, trail

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
    path("instruments", reference.Instruments.as_view()),
    path("instruments/<symbol:symbol>", reference.OneInstrument.as_view()),
    path("prices", reference.LatestPrices.as_view()),
    path("clock", reference.BusinessClock.as_view()),
    path("events", trail.OwnEvents.as_view()),
    path("events/<name:sequence>/proof", evidence.EventProof.as_view()),
    path("blocks", evidence.Blocks.as_view()),
    path("checkpoints/latest", evidence.LatestCheckpoint.as_view()),
    path("audit/<name:correlation_id>", trail.Audit.as_view()),
]
