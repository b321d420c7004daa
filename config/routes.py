"""Who hears about what: the whole choreography on one page.

A fact leaves one job for each kind named here, in its own transaction. Kinds are task names; no app
imports one above it to be heard by it.

    trade, collateral, penalty  ->  re-margin the account
    leg or position moved, bust ->  re-margin every account it touched
    price set sealed            ->  settle expiries, then the cycle that is due, then
                                    re-margin everybody
    price set corrected         ->  settle again by differences, then re-margin everybody on what
                                    stands, and flag cases that traded on the wrong set
    funding rate fixed          ->  pay it on what was held
    parameters activated        ->  re-margin everybody
    withdrawal requested        ->  margin tests it and has it approved or refused
    approved, or confirmed      ->  margin tests it again and has it settled, refused or delayed
    substitution covered        ->  margin tests it and has it settled, refused or delayed
    run completed               ->  decide the calls of whoever is short or was called, a job each
    clock advanced              ->  sweep due calls, and what waits to leave; start periodic and
                                    nightly runs; mind cases; expire give-ups, transfers and
                                    substitutions nobody took
    call breached               ->  open a case, and walk it step by step
"""

EVENT_ROUTES: dict[str, tuple[str, ...]] = {
    "clearing.price-set-sealed.v1": ("clearing.settle_expiries",),
    "clearing.expiries-settled.v1": ("margin.remargin_all",),
    "clearing.price-set-corrected.v1": ("clearing.resettle",),
    "clearing.prices-resettled.v1": ("margin.remargin_all", "liquidation.flag_cases"),
    "clearing.funding-rate-fixed.v1": ("clearing.settle_funding",),
    "clearing.clock-advanced.v1": (
        "margin.sweep_calls",
        "margin.schedule_runs",
        "margin.sweep_withdrawals",
        "margin.sweep_substitutions",
        "liquidation.watch_cases",
        "clearing.sweep_handovers",
    ),
    "clearing.trade-novated.v1": ("margin.remargin_account",),
    "clearing.leg-moved.v1": ("margin.remargin_account",),
    "clearing.leg-unwound.v1": ("margin.remargin_account",),
    "clearing.position-moved.v1": ("margin.remargin_account",),
    "clearing.collateral-ported.v1": ("margin.remargin_account",),
    "clearing.collateral-deposited.v1": ("margin.remargin_account",),
    "clearing.withdrawal-requested.v1": ("margin.test_withdrawal",),
    "clearing.withdrawal-approved.v1": ("margin.release_withdrawal",),
    "clearing.withdrawal-confirmed.v1": ("margin.release_withdrawal",),
    "clearing.substitution-covered.v1": ("margin.remargin_account", "margin.release_substitution"),
    "clearing.substitution-settled.v1": ("margin.remargin_account",),
    "clearing.withdrawal-settled.v1": ("margin.remargin_account",),
    "clearing.withdrawal-refused.v1": ("margin.remargin_account",),
    "clearing.penalty-charged.v1": ("margin.remargin_account",),
    "clearing.account-reinstated.v1": ("margin.remargin_account",),
    "margin.parameters-activated.v1": ("margin.adopt_parameters",),
    "margin.run-completed.v1": ("margin.decide_calls",),
    "margin.call-breached.v1": ("liquidation.open_case",),
    "liquidation.case-opened.v1": ("liquidation.walk_case",),
    "liquidation.case-frozen.v1": ("liquidation.walk_case",),
    "liquidation.plan-made.v1": ("liquidation.walk_case",),
    "liquidation.plan-voided.v1": ("liquidation.walk_case",),
    "liquidation.case-resumed.v1": ("liquidation.walk_case",),
    "liquidation.step-executed.v1": ("liquidation.walk_case",),
    "liquidation.case-reassessed.v1": ("liquidation.walk_case",),
    "liquidation.case-restored.v1": ("liquidation.walk_case",),
}

# Jobs that look at their account as it is when they run, not at the fact that left them. Where many
# facts are loaded at once, the last one of an account leaves them for all.
LOOKS_AT_STATE = ("margin.remargin_account",)
