"""A short history with a bit of everything in it, for tests of the record as a whole."""

from __future__ import annotations

from datetime import timedelta

from accounts.services import people, register
from clearing import selectors
from clearing.domain import reconciliation
from clearing.domain.amendment import Codes
from clearing.domain.asset import AssetKind, AssetProfile
from clearing.domain.observations import Observation
from clearing.domain.policy import Policy
from clearing.domain.reconciliation import CUSTODIAN
from clearing.services import (
    allocations,
    auditor,
    average_prices,
    busts,
    collateral,
    funding,
    give_ups,
    listing,
    observing,
    pricing,
    quorum,
    reconciliations,
    reference,
    releases,
    schedule,
    schedules,
    sealing,
    substitutions,
    timekeeping,
    trades,
)
from clearing.services.findings import Finding
from clearing.services.funding import Fixing
from tests.builders import (
    CALL,
    CAUSE,
    EXPIRY,
    FUTURE,
    PERPETUAL,
    SPOT,
    START,
    a_house,
    a_price_set,
    a_trade,
    after,
    run_due_jobs,
)
from tests.quotes import SOURCES, admit, report


def a_history() -> None:
    """Trades, a withdrawal paid and one refused, a call, a liquidation, an expiry, a cycle, people and
    keys; the first half of it sealed."""
    a_house(NORTH="15000")
    _people()
    pricing.seal(a_price_set("90000", at=after(hours=1)), cause=CAUSE)
    _trade("t-1")
    _trade("t-2", symbol=CALL, quantity="0.5", price="0.0123")
    _trade("t-3", symbol=FUTURE, quantity="0.1", price="90100")
    _trade("t-4", symbol=SPOT, quantity="0.01", price="89990")
    _what_follows()

    _settlement()
    run_due_jobs()
    _withdraw("w-1", account="SOUTH-1", amount="100")
    _withdraw("w-2", account="NORTH-1", amount="8000")
    run_due_jobs()
    _exchange_of_collateral()
    sealing.seal()

    pricing.seal(a_price_set("80000", at=after(hours=2)), cause=CAUSE)
    run_due_jobs()
    pricing.seal(a_price_set("81000", at=EXPIRY), cause=CAUSE)
    run_due_jobs()
    common = {"at": timekeeping.now(), "cause": CAUSE}
    busts.bust("XDER", "t-3", key="b-t-3", reason="a drill after expiry", **common)
    _reference()
    _closed_account()
    _reconciled()
    reference.halt(SPOT, reason="an auction", at=timekeeping.now(), cause=CAUSE)
    reference.set_policy(Policy(price_max_age_seconds=7_200), at=timekeeping.now(), cause=CAUSE)
    _several_sources()


def _several_sources() -> None:
    """A window sealed by a quorum, a correction of it, a source suspended and resumed, a window
    without a quorum."""
    admit()
    at = timekeeping.now() + timedelta(seconds=60)
    timekeeping.advance(at, cause=CAUSE)
    for name, price in zip(SOURCES, ("80900", "80910", "0"), strict=True):
        found = [Observation(subject="index BTC", at=at, mark=price)]
        report(name, [*found, Observation(subject=f"quote {PERPETUAL}", at=at, mark="80905")])
    closed = quorum.seal_window(cause=CAUSE)
    assert closed is not None and closed.sealed
    fixed = pricing.patched(closed.sequence, indices={"BTC": "80907"}, forwards={}, quotes={})
    pricing.correct(closed.sequence, fixed, reason="a drill", cause=CAUSE)
    observing.suspend_source("XTWO", reason="a drill", at=at, cause=CAUSE)
    observing.resume_source("XTWO", reason="it is over", at=at, cause=CAUSE)
    timekeeping.advance(at + timedelta(seconds=600), cause=CAUSE)
    quorum.seal_window(cause=CAUSE)
    run_due_jobs()


def _people() -> None:
    people.create_user("ada", password="correct horse battery")
    people.grant_role("ada", role="risk-officer", at=START, cause=CAUSE)
    people.issue_credential(title="desk", member_id="NORTH", at=START, cause=CAUSE)
    people.issue_credential(title="venue", venue="XDER", at=START, cause=CAUSE)
    people.issue_credential(title="bank", custodian="CUSTODY-BANK", at=START, cause=CAUSE)


def _settlement() -> None:
    """A schedule whose cycle the expiry's prices reach, a fee, a funding rate, and lots abandoned."""
    at = timekeeping.now()
    schedules.set_schedule("08:00", at=at, cause=CAUSE)
    schedules.set_fee("perpetual", rate="0.000001", at=at, cause=CAUSE)
    schedules.instruct_exercise("NORTH-1", key="x", symbol=CALL, abandon=1, at=at, cause=CAUSE)
    rate = Fixing(symbol=PERPETUAL, source="XDER", interval_end=at, hours=8, rate="0.000001")
    funding.fix(rate, cause=CAUSE)


def _trade(trade_id: str, **but: str) -> None:
    trades.novate(a_trade(trade_id=trade_id, **but), at=timekeeping.now(), cause=CAUSE)


def _what_follows() -> None:
    """A give-up that is claimed, an average, an allocation, a bust: nobody is short by it."""
    common = {"at": timekeeping.now(), "cause": CAUSE}
    register.open_account("SOUTH-2", member_id="SOUTH", kind="client", title="Client", **common)
    for trade_id in ("t-5", "t-6"):
        _trade(trade_id, symbol=CALL, quantity="0.1", price="0.0123")
    shares = {"SOUTH-2": "0.1"}
    allocations.allocate("XDER", "t-5", account_id="SOUTH-1", shares=shares, key="a-1", **common)
    average_prices.group(
        "SOUTH-2", trades=[("XDER", "t-5")], shares={"SOUTH-1": "0.1"}, key="g-1", **common
    )
    give_ups.request(
        "XDER", "t-6", account_id="SOUTH-1", quantity="0.1", to_member="NORTH", key="u-1", **common
    )
    claim = {"member_id": "NORTH", "account_id": "NORTH-1", "key": "c-1", **common}
    give_ups.claim("SOUTH-1:give-up:u-1", **claim)
    for trade_id in ("t-5", "t-6"):
        busts.bust("XDER", trade_id, key=f"b-{trade_id}", reason="a drill", **common)


def _withdraw(key: str, *, account: str, amount: str) -> None:
    collateral.request_withdrawal(
        account, key=key, asset="USDC", amount=amount, at=timekeeping.now(), cause=CAUSE
    )


def _reference() -> None:
    at = timekeeping.now()
    token = AssetProfile(asset="BTC", kind=AssetKind.TOKEN, dti="4H95J0R2X")
    listing.describe_asset(token, at=at, cause=CAUSE)
    listing.assign_codes({SPOT: Codes(mic="XDER", dti="4H95J0R2X")}, at=at, cause=CAUSE)
    listing.amend(SPOT, {"price_step": "1"}, reason="a drill", at=at, cause=CAUSE)


def _exchange_of_collateral() -> None:
    """A schedule that takes what is held, and bitcoin in place of dollars."""
    at = timekeeping.now()
    document = {"reporting": "USDC", "assets": {"BTC": {"admitted": True}}}
    schedule.set_schedule(document, at=at, cause=CAUSE)
    for key, state in (("s-1", "covered"), ("s-2", "proposed")):
        sequence = substitutions.propose(
            "SOUTH-1",
            key=key,
            asset="USDC",
            amount="700",
            incoming="BTC",
            incoming_amount="0.01",
            expires_at=after(hours=6),
            at=at,
            cause=CAUSE,
        )
        if state == "covered":
            substitutions.cover(
                "SOUTH-1",
                substitution_id=selectors.recorded(sequence).fact.substitution_id,
                key="wire-9",
                custodian="CUSTODY-BANK",
                at=at,
                cause=CAUSE,
            )
    run_due_jobs()


def _closed_account() -> None:
    at = timekeeping.now()
    register.open_account(
        "NORTH-2", member_id="NORTH", kind="house", title="Spare", at=at, cause=CAUSE
    )
    register.suspend("NORTH-2", reason="a drill", at=at, cause=CAUSE)
    register.reinstate("NORTH-2", reason="the drill is over", at=at, cause=CAUSE)


def _reconciled() -> None:
    """A bank that has more ether than we know of, explained; and doubts about other assets."""
    at = timekeeping.now()
    body = "line,asset,amount\nbalance,ETH,5\n"
    statement = reconciliations.Statement(
        holder="CUSTODY-BANK",
        kind=CUSTODIAN,
        at=at,
        body=body,
        lines=reconciliation.read(body, kind=CUSTODIAN),
    )
    reconciliations.set_tolerance("ETH", amount="10", at=at, cause=CAUSE)
    releases.halt("ETH", reason="a drill", at=at, cause=CAUSE)
    reconciliations.reconcile(statement, at=at, cause=CAUSE)
    reconciliations.explain("break-1", reason="on its way", at=at, cause=CAUSE)
    releases.certify("ETH", reason="the drill is over", at=at, cause=CAUSE)
    doubt = Finding(check="trial balance", where="cash:ETH", says="off by 1", remedy="none")
    auditor.record([doubt], at=at, cause=CAUSE)
