"""Facts in plain English: one line each, with amounts as decimals of their asset."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from accounts.domain import events as who
from clearing import selectors as record
from clearing.domain import amounts, clock, instrument, statement
from clearing.domain import events as book
from clearing.domain.instrument import Instrument, Payoff
from clearing.store import Recorded
from config.desk import after_trading, collateral_wording, settlement_wording
from liquidation.domain import events as unpaid
from liquidation.domain import plan
from margin import selectors as margin
from margin.domain import events as due


@dataclass(slots=True)
class Words:
    """What facts leave out because they need not carry it: digits, terms, the reporting asset.

    Terms and the reporting asset are looked up once, when the first fact needs them.
    """

    digits: Mapping[str, int]
    known: dict[str, Instrument] = field(default_factory=dict)
    asset: str = ""

    def line(self, recorded: Recorded) -> str:
        """One sentence without a full stop; a fact without words is told by its own name."""
        says = SAYS.get(type(recorded.fact))
        return says(recorded.fact, self) if says else statement.kind(recorded.fact.NAME)

    def money(self, minor: int, asset: str = "") -> str:
        """With its asset; without one, it is money of the reporting asset."""
        name = asset or self.reporting
        if name not in self.digits:
            return f"{minor:,} minor units of {name}"
        return f"{spelled(amounts.shown(minor, scale=self.digits[name]))} {name}"

    def nets(self, amounts_of: Mapping[str, int]) -> str:
        """What is received less what is paid, in every asset."""
        said = [
            f"{'receives' if net >= 0 else 'pays'} {self.money(abs(net), asset)}"
            for asset, net in sorted(amounts_of.items())
        ]
        return ", ".join(said) or "nothing changes hands"

    @property
    def reporting(self) -> str:
        self.asset = self.asset or margin.rules().reporting
        return self.asset

    def terms(self, symbol: str) -> Instrument | None:
        if symbol not in self.known:
            self.known.update(record.instruments([symbol]))
        return self.known.get(symbol)

    def size(self, symbol: str, lots: int) -> str:
        """`-0.47 BTC-PERP`, or in lots where the terms are not known."""
        it = self.terms(symbol)
        return (
            f"{lots:,} lots of {symbol}" if it is None else f"{plain(lots * it.lot_size)} {symbol}"
        )

    def traded(self, symbol: str, lots: int, price_ticks: int) -> str:
        """`0.47 BTC-PERP at 82,000.00`, or in lots and ticks where the terms are not known."""
        it = self.terms(symbol)
        if it is None:
            return f"{abs(lots):,} lots of {symbol} at {price_ticks:,} ticks"
        quantity = plain(abs(lots) * it.lot_size)
        inverse = it.carried_at_cost and it.payoff is Payoff.INVERSE
        what = f"{quantity} {it.quote} of {symbol}" if inverse else f"{quantity} {symbol}"
        coin = f" {it.settlement}" if it.priced_in_coin else ""
        return f"{what} at {plain(instrument.price_of(it, price_ticks))}{coin}"


def line(recorded: Recorded, digits: Mapping[str, int]) -> str:
    """One fact by itself. For many, keep one `Words`: it looks things up once."""
    return Words(digits).line(recorded)


def spelled(amount: Decimal) -> str:
    """Grouped by thousands; at least two decimals, and no zeros after those that count."""
    whole, _, fraction = f"{amount:,f}".partition(".")
    fraction = fraction.rstrip("0").ljust(2, "0")
    return f"{whole}.{fraction}"


def plain(number: Decimal) -> str:
    """Grouped by thousands, without zeros at the end."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def when(text: str) -> str:
    return f"{clock.parsed(text):%Y-%m-%d %H:%M:%S} UTC"


# --- the record -------------------------------------------------------------------------------


def _novated(it: book.TradeNovated, words: Words) -> str:
    verb = "bought" if it.lots > 0 else "sold"
    said = f"{it.account_id} {verb} {words.traded(it.symbol, it.lots, it.price_ticks)}"
    if it.cash:
        moved = "received" if it.cash > 0 else "paid"
        said += f" and {moved} {words.money(abs(it.cash), it.settlement)}"
    return f"{said} (trade {it.trade_id}, {it.venue})"


def _settled(it: book.ContractSettled, words: Words) -> str:
    moved = "received" if it.cash >= 0 else "paid"
    return (
        f"{it.symbol} expired: {it.account_id} {moved} {words.money(abs(it.cash), it.settlement)}"
        f" for {it.lots:,} lots"
    )


def _listed(it: book.InstrumentListed, _: Words) -> str:
    until = f", until {when(it.expiry_at)}" if it.expiry_at else ""
    strike = f" {it.option_type} struck at {it.strike}" if it.strike else ""
    return f"{it.symbol} is listed: {it.payoff} {it.kind}{strike} on {it.underlying}{until}"


def _called(it: Any, names: tuple[str, ...]) -> str:
    given = [f"{name.upper()} {getattr(it, name)}" for name in names if getattr(it, name)]
    return f": {', '.join(given)}" if given else ""


def _amended(it: book.InstrumentTermsAmended, _: Words) -> str:
    bounds = {"step": it.price_step, "lowest": it.lowest_price, "highest": it.highest_price}
    said = ", ".join(f"{name} {price or 'none'}" for name, price in bounds.items())
    return f"{it.symbol} trades within other bounds, {said}: {it.reason}"


def _adjusted(it: book.ContractAdjusted, _: Words) -> str:
    strike = f" struck at {it.new_strike} in place of {it.strike}" if it.strike else ""
    return (
        f"{it.symbol} is adjusted {it.numerator} for {it.denominator}: one lot is"
        f" {it.lots_factor} of {it.new_symbol}, {it.new_lot_size} units each{strike}; {it.reason}"
    )


def _sealed(it: book.PriceSetSealed, _: Words) -> str:
    made_up = "simulated " if it.simulated else ""
    return f"Sealed {it.quotes:,} {made_up}prices from {it.source}, of {when(it.at)}"


def _policy(it: book.PolicySet, _: Words) -> str:
    return (
        f"House policy: prices may be {it.price_max_age_seconds:,} s old, penalty rate"
        f" {it.penalty_rate}, price band {it.price_band} (0 for none), everybody is margined at"
        f" least every {it.margin_period_seconds:,} s"
    )


def _refused(it: book.WithdrawalRefused, words: Words) -> str:
    amount = words.money(it.amount, it.asset)
    return f"Withdrawal {it.withdrawal_id} of {amount} is refused: {it.reason}"


# --- margin and liquidation -------------------------------------------------------------------


def _stands(it: Any, words: Words) -> str:
    return f"equity {words.money(it.equity)}, maintenance {words.money(it.maintenance)}"


def _aims(it: Any, words: Words) -> str:
    return f"{_stands(it, words)}, target {words.money(it.target)}"


def _ran(it: due.RunCompleted, _: Words) -> str:
    unpriced = f", {it.unpriced:,} not priced" if it.unpriced else ""
    whom = "1 account" if it.accounts == 1 else f"{it.accounts:,} accounts"
    return f"Margined {whom}{unpriced} on price set {it.price_sequence} (run {it.run_id})"


def _issued(it: due.CallIssued, words: Words) -> str:
    return (
        f"Margin call {it.call_id}: {it.account_id} must pay {words.money(it.amount, it.asset)} by"
        f" {when(it.due_at)} ({_aims(it, words)})"
    )


def _tightened(it: due.CallTightened, words: Words) -> str:
    return (
        f"Margin call {it.call_id} is tightened: {words.money(it.amount)} by {when(it.due_at)}"
        f" ({_aims(it, words)})"
    )


def _covered(it: due.CallCovered, words: Words) -> str:
    how = "it was paid" if it.reason == "paid" else "the requirement fell"
    return f"Margin call {it.call_id} is covered: {how} ({_aims(it, words)})"


def _breached(it: due.CallBreached, words: Words) -> str:
    why = "too deep to wait" if it.reason == "severe" else "not paid in time"
    return f"Margin call {it.call_id} is breached: {why} ({_stands(it, words)})"


def _planned(it: unpaid.PlanMade, words: Words) -> str:
    steps = plan.read(it.steps)
    trades = "; ".join(
        f"{'sell' if each.lots < 0 else 'buy'}"
        f" {words.traded(each.symbol, each.lots, each.price_ticks)}"
        for each in steps
    )
    return (
        f"Plan {it.step} of {it.case_id}: close {it.percent} % of every position with"
        f" {it.backstop}: {trades}; penalty {words.money(it.penalty)};"
        f" equity {words.money(it.equity_before)} to {words.money(it.equity_after)},"
        f" maintenance {words.money(it.maintenance_before)} to"
        f" {words.money(it.maintenance_after)}, target {words.money(it.target_after)}"
    )


def _executed(it: unpaid.StepExecuted, words: Words) -> str:
    trades = "1 trade" if it.trades == 1 else f"{it.trades} trades"
    return f"Plan {it.step} of {it.case_id} is carried out: {trades}, penalty {words.money(it.penalty)}"


def _opened(it: unpaid.CaseOpened, words: Words) -> str:
    return f"Liquidation case {it.case_id} is opened: {it.reason} ({_stands(it, words)})"


def _credential(it: who.CredentialIssued, _: Words) -> str:
    held = {"member": it.member_id, "venue": it.venue, "custodian": it.custodian}
    holder = " ".join(f"{kind} {name}" for kind, name in held.items() if name)
    until = f" until {when(it.expires_at)}" if it.expires_at else ""
    return f"Credential {it.credential_id} is issued to {holder}{until}: {it.title}"


def _differs(it: book.BreakFound, words: Words) -> str:
    def counted(amount: int) -> str:
        lots = f"{amount:,} lots of {it.asset}"
        return lots if it.unit == "lots" else words.money(amount, it.asset)

    whose = f" of {it.account}" if it.account else ""
    halted = f", withdrawals of {it.halts} halt" if it.halts else ", within tolerance"
    return (
        f"Break {it.break_id}: {it.holder} has {counted(it.theirs)}{whose}, the book"
        f" {counted(it.ours)}{halted}"
    )


def _reconciled(it: book.ReconciliationRun, _: Words) -> str:
    return (
        f"Reconciled with {it.kind} {it.holder} as of {when(it.at)}: {it.matched:,} agree,"
        f" {it.breaks:,} differ, {it.missing:,} movements are not in the log"
    )


def _moved(verb: str) -> Callable[[Any, Words], str]:
    return lambda it, words: f"{it.account_id} {verb} {words.money(it.amount, it.asset)}"


SAYS: dict[type, Callable[[Any, Words], str]] = {
    **settlement_wording.SAYS,
    book.ClockAdvanced: lambda it, _: f"Business time is {when(it.to)} ({it.mode})",
    book.PolicySet: _policy,
    book.AssetAdmitted: lambda it, _: (
        f"{it.asset} is admitted, with {it.scale} decimals: {it.title}"
    ),
    book.InstrumentListed: _listed,
    book.InstrumentHalted: lambda it, _: f"{it.symbol} is halted: {it.reason}",
    book.InstrumentResumed: lambda it, _: f"{it.symbol} trades again: {it.reason}",
    book.InstrumentExpired: lambda it, _: f"{it.symbol} expired at an index of {it.index}",
    book.AssetDescribed: lambda it, _: (
        f"{it.asset} is a {it.kind}"
        + (f", {it.leverage} times {it.underlying}" if it.leverage else "")
        + _called(it, ("iso4217", "dti", "isin"))
    ),
    book.InstrumentCodesAssigned: lambda it, _: (
        f"{it.symbol} has its codes" + _called(it, ("isin", "cfi", "mic", "dti", "upi"))
    ),
    book.InstrumentTermsAmended: _amended,
    book.InstrumentDelisted: lambda it, _: f"{it.symbol} is delisted: {it.reason}",
    book.ContractAdjusted: _adjusted,
    book.LotsAdjusted: lambda it, _: (
        f"{it.account_id} has {it.lots * it.lots_factor:,} lots of {it.new_symbol} in place of"
        f" {it.lots:,} of {it.symbol}, at the same cost"
    ),
    book.PriceSetSealed: _sealed,
    book.PriceSetCorrected: lambda it, _: (
        f"Price set {it.price_set[:12]} of {when(it.at)} stands in for the set sealed by event"
        f" {it.corrects}: {it.reason}"
    ),
    book.PriceSetDeferred: lambda it, _: (
        f"No price set could be sealed at {when(it.at)}, {it.rejected:,} rejections: {it.reason}"
    ),
    book.PriceSourceAdmitted: lambda it, _: (
        f"Price source {it.source} is admitted, a {it.kind} of weight {it.weight} for {it.quotes}"
    ),
    book.PriceSourceSuspended: lambda it, _: (
        f"Price source {it.source} is not heard until it is resumed: {it.reason}"
    ),
    book.PriceSourceResumed: lambda it, _: f"Price source {it.source} is heard again: {it.reason}",
    book.PricePolicySet: lambda it, _: (
        f"A price set closes every {it.cadence_seconds} s and needs {it.quorum_index} sources an"
        f" index, {it.quorum_forward} a forward, {it.quorum_linear} a future, {it.quorum_option}"
        f" an option, none older than {it.max_age_seconds} s"
    ),
    book.PricesResettled: lambda it, _: (
        f"What was settled on price set {it.corrects} is settled again on {it.price_set[:12]}:"
        f" {it.cycles} cycles paid differences"
    ),
    book.ExpiriesSettled: lambda it, _: (
        f"Expiries are settled: {it.instruments:,} instruments, {it.accounts:,} accounts"
    ),
    book.AccountOpened: lambda it, _: (
        f"Account {it.account_id} is opened for {it.member_id}, {it.kind}: {it.title}"
    ),
    book.AccountSuspended: lambda it, _: (
        f"{it.account_id} is suspended and may only shed risk: {it.reason}"
    ),
    book.AccountReinstated: lambda it, _: f"{it.account_id} is reinstated: {it.reason}",
    book.AccountClosed: lambda it, _: f"{it.account_id} is closed: {it.reason}",
    book.AccountReopened: lambda it, _: (
        f"{it.account_id} was closed and got something back; it is reopened, suspended: {it.reason}"
    ),
    book.TradeNovated: _novated,
    **after_trading.SAYS,
    book.CollateralDeposited: _moved("deposited"),
    book.WithdrawalRequested: _moved("asked to withdraw"),
    book.WithdrawalSettled: _moved("withdrew"),
    book.WithdrawalRefused: _refused,
    **collateral_wording.SAYS,
    book.ContractSettled: _settled,
    book.PenaltyCharged: lambda it, words: (
        f"{it.account_id} is charged a penalty of {words.money(it.amount, it.asset)}: {it.reason}"
    ),
    book.ReconciliationRun: _reconciled,
    book.BreakFound: _differs,
    book.BreakExplained: lambda it, _: f"Break {it.break_id} is explained: {it.reason}",
    book.BreakResolved: lambda it, _: f"Break {it.break_id} is resolved: {it.reason}",
    book.ToleranceSet: lambda it, words: (
        f"Differences of up to {words.money(it.amount, it.asset)} halt nothing"
    ),
    book.ReleasesHalted: lambda it, _: f"Withdrawals of {it.asset} are halted: {it.reason}",
    book.ReleasesCertified: lambda it, _: (
        f"The books of {it.asset} are certified to agree, withdrawals go on: {it.reason}"
    ),
    book.InvariantViolated: lambda it, _: (
        f"Invariant violated: {it.invariant}; {it.subject}: {it.says}"
    ),
    book.InvariantRestored: lambda it, _: f"Invariant holds again: {it.invariant}; {it.subject}",
    who.MemberAdmitted: lambda it, _: f"Member {it.member_id} is admitted: {it.name}",
    who.RoleGranted: lambda it, _: f"{it.login} is granted the role {it.role}",
    who.RoleRevoked: lambda it, _: f"{it.login} no longer has the role {it.role}",
    who.CredentialIssued: _credential,
    who.CredentialRevoked: lambda it, _: f"Credential {it.credential_id} is revoked: {it.reason}",
    due.ParametersActivated: lambda it, _: (
        f"Margin parameters {it.method} are in force, reporting in {it.reporting}"
    ),
    due.RunCompleted: _ran,
    due.CallIssued: _issued,
    due.CallAcknowledged: lambda it, _: (
        f"{it.account_id} has acknowledged margin call {it.call_id}"
    ),
    due.CallTightened: _tightened,
    due.CallCovered: _covered,
    due.CallOverdue: lambda it, words: (
        f"Margin call {it.call_id} is overdue, {it.account_id} may only shed risk"
        f" ({_stands(it, words)})"
    ),
    due.CallBreached: _breached,
    due.CallConcluded: lambda it, _: f"Margin call {it.call_id} is concluded: {it.outcome}",
    unpaid.CaseOpened: _opened,
    unpaid.CaseFrozen: lambda it, words: f"{it.account_id} is frozen: {_aims(it, words)}",
    unpaid.PlanMade: _planned,
    unpaid.PlanVoided: lambda it, _: f"The plan is void: {it.reason}",
    unpaid.StepExecuted: _executed,
    unpaid.CaseReassessed: lambda it, words: f"{it.account_id} is reassessed: {_aims(it, words)}",
    unpaid.CaseRestored: lambda it, words: f"{it.account_id} is restored: {_aims(it, words)}",
    unpaid.CaseStuck: lambda it, _: f"Case {it.case_id} is stuck and needs people: {it.reason}",
    unpaid.CaseFlagged: lambda it, words: (
        f"Case {it.case_id} is flagged for compensation: {it.reason}; penalties of"
        f" {words.money(it.penalty)} were charged by them"
    ),
    unpaid.CaseResumed: lambda it, _: f"Case {it.case_id} is taken up again: {it.reason}",
    unpaid.CaseClosed: lambda it, _: (
        f"Case {it.case_id} is closed after {it.steps} {'plan' if it.steps == 1 else 'plans'}"
    ),
}
