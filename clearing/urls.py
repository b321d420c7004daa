"""The record's routes."""

from django.urls import path

from clearing.api import (
    allocations,
    busts,
    codes,
    collateral,
    evidence,
    executions,
    give_ups,
    holdings,
    lots,
    observations,
    paths,
    position_transfers,
    prices,
    reconciliations,
    reference,
    register,
    settlement,
    statements,
    substitutions,
    trades,
    trail,
    trial_balances,
)

assert paths  # registers what `name` and `symbol` mean below

urlpatterns = [
    path("trades", register.Trades.as_view(), name="trades"),
    path("trades/batch", trades.TradeBatch.as_view(), name="trade-batch"),
    path("trades/fpml", executions.FpmlTrades.as_view(), name="trade-fpml"),
    path("trades/<name:venue>/<name:trade_id>", register.OneTrade.as_view()),
    path("trades/<name:venue>/<name:trade_id>/allocations", allocations.Allocations.as_view()),
    path(
        "trades/<name:venue>/<name:trade_id>/allocations/<name:allocation_id>/cancel",
        allocations.AllocationCancel.as_view(),
    ),
    path("trades/<name:venue>/<name:trade_id>/give-ups", give_ups.TradeGiveUps.as_view()),
    path("trades/<name:venue>/<name:trade_id>/bust", busts.Bust.as_view()),
    path("trades/<name:venue>/<name:trade_id>/correct", busts.Correction.as_view()),
    path("give-ups", give_ups.GiveUps.as_view()),
    path("give-ups/<name:give_up_id>", give_ups.OneGiveUp.as_view()),
    path("give-ups/<name:give_up_id>/claim", give_ups.ClaimGiveUp.as_view()),
    path("give-ups/<name:give_up_id>/reject", give_ups.RejectGiveUp.as_view()),
    path("give-ups/<name:give_up_id>/cancel", give_ups.CancelGiveUp.as_view()),
    path("average-price-groups", allocations.PriceGroups.as_view()),
    path("position-transfers", position_transfers.PositionTransfers.as_view()),
    path(
        "position-transfers/<name:transfer_id>/accept", position_transfers.AcceptTransfer.as_view()
    ),
    path(
        "position-transfers/<name:transfer_id>/reject", position_transfers.RejectTransfer.as_view()
    ),
    path(
        "position-transfers/<name:transfer_id>/cancel", position_transfers.CancelTransfer.as_view()
    ),
    path("accounts/<name:account_id>/positions", holdings.AccountPositions.as_view()),
    path("accounts/<name:account_id>/balances", holdings.AccountBalances.as_view()),
    path("accounts/<name:account_id>/statement", statements.AccountStatement.as_view()),
    path("reconciliations", reconciliations.Reconciliations.as_view()),
    path("reconciliations/breaks", reconciliations.Breaks.as_view()),
    path("trial-balance", trial_balances.TrialBalance.as_view()),
    path("trial-balance/accounts", trial_balances.TrialBalanceAccounts.as_view()),
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
    path("instrument-history/<symbol:symbol>", codes.TermsHistory.as_view()),
    path("assets", codes.Assets.as_view()),
    path("prices", reference.LatestPrices.as_view()),
    path("prices/sets", prices.PriceSets.as_view()),
    path("prices/sets/<name:price_set>", prices.OnePriceSet.as_view()),
    path("prices/sets/<name:price_set>/corrections", prices.Corrections.as_view()),
    path("prices/sets/<name:price_set>/rejections", prices.Rejections.as_view()),
    path("prices/sets/<name:price_set>/observations", prices.MadeOf.as_view()),
    path("prices/deferrals", prices.Deferrals.as_view()),
    path("prices/sources", prices.Sources.as_view()),
    path("prices/pegs", prices.Pegs.as_view()),
    path("observations", observations.Observations.as_view()),
    path("clock", reference.BusinessClock.as_view()),
    path("events", trail.OwnEvents.as_view()),
    path("events/<name:sequence>/proof", evidence.EventProof.as_view()),
    path("blocks", evidence.Blocks.as_view()),
    path("checkpoints/latest", evidence.LatestCheckpoint.as_view()),
    path("audit/<name:correlation_id>", trail.Audit.as_view()),
]
