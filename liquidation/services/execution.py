"""Making a plan and carrying it out: ordinary trades against the backstop, at the sealed price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from accounts import selectors as accounts
from clearing import selectors as record
from clearing import store
from clearing.domain import entries, instrument
from clearing.domain.account import Account
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.instrument import Instrument, InstrumentNotTrading, Status
from clearing.domain.trade import HOUSE_VENUE, Trade
from clearing.selectors import BookColumns, SealedPrices
from clearing.services import collateral, trades
from liquidation.domain import plan
from liquidation.domain.case import Case
from liquidation.domain.events import PlanMade, PlanVoided, StepExecuted
from liquidation.domain.plan import Outlook, Step
from margin.domain.calls import Levels
from margin.services import what_if


class NothingToClose(Refusal):
    code = "nothing-to-close"
    says = "No closing can help this account."


def make_plan(account_id: str, *, case: Case, levels: Levels, at: datetime) -> PlanMade | None:
    """The smallest share of every position that meets the target; all shares in one engine call.

    None while a position that has expired is not settled yet. Raises NothingToClose: no positions,
    one that is halted, nothing that lowers the requirement, or no backstop.
    """
    account, sealed = record.account(account_id), record.prices_at(levels.price_sequence)
    lots = _lots(account)
    if not lots:
        raise NothingToClose(reason="no positions left", missing=levels.missing)
    terms = record.instruments(lots)
    halted = sorted(it.symbol for it in terms.values() if it.status is Status.HALTED)
    if halted:
        raise NothingToClose(reason="trading is halted", symbols=", ".join(halted))
    if not _all_trade(terms, at=at):
        return None
    ways = _ways(account, lots, terms, sealed, levels)
    outlooks = _outlooks(account, ways, levels)
    chosen = plan.choose(outlooks, maintenance=levels.maintenance, missing=levels.missing)
    if chosen is None:
        reason = "no closing lowers the requirement and what is missing"
        raise NothingToClose(reason=reason, missing=levels.missing)
    steps, most, _ = ways[chosen.percent]
    backstop = _backstop(steps, terms, levels)
    penalty = plan.bearable(most, equity=chosen.equity)
    spelled = plan.spelled(steps)
    return PlanMade(
        account_id=account_id,
        case_id=case.case_id,
        step=case.steps + 1,
        plan=plan.name_of(
            case_id=case.case_id,
            step=case.steps + 1,
            steps=spelled,
            price_sequence=levels.price_sequence,
            account_version=levels.account_version,
        ),
        steps=spelled,
        percent=chosen.percent,
        backstop=backstop,
        penalty=penalty,
        equity_before=levels.equity,
        maintenance_before=levels.maintenance,
        equity_after=chosen.equity + most - penalty,
        maintenance_after=chosen.maintenance,
        target_after=chosen.target,
        price_sequence=levels.price_sequence,
        account_version=levels.account_version,
        run_id=levels.run_id,
    )


Way = tuple[tuple[Step, ...], int, Account]  # its trades, its penalty, the account afterwards


def _ways(
    account: Account,
    lots: dict[str, int],
    terms: dict[str, Instrument],
    sealed: SealedPrices,
    levels: Levels,
) -> dict[int, Way]:
    marks = {symbol: Decimal(sealed.prices.quote(symbol).mark) for symbol in lots}
    indices = {it.underlying: sealed.prices.index(it.underlying) for it in terms.values()}
    rate, scale = record.policy().penalty_rate, record.scale(levels.asset)
    ways: dict[int, Way] = {}
    for percent in plan.SHARES:
        steps = plan.steps_for(percent, lots=lots, terms=terms, marks=marks)
        penalty = plan.penalty(
            steps, terms=terms, indices=indices, rate=rate, scale=scale, equity=levels.equity
        )
        ways[percent] = (steps, penalty, plan.after(account, steps, terms))
    return ways


def _outlooks(account: Account, ways: dict[int, Way], levels: Levels) -> list[Outlook]:
    """One hypothetical account for each share, margined together."""
    cash = entries.cash(levels.asset)
    hypothetical = {}
    for percent, (_, penalty, after) in ways.items():
        held = {**after.holdings, cash: after.holdings.get(cash, 0) - penalty}
        hypothetical[f"{account.account_id} {percent}"] = replace(after, holdings=held)
    found = what_if.levels(_book(hypothetical), price_sequence=levels.price_sequence)
    return [
        Outlook(
            percent=percent,
            equity=each.equity,
            maintenance=each.maintenance,
            target=each.target,
        )
        for percent, each in zip(ways, found, strict=True)
        if each is not None
    ]


def execute(made: PlanMade, *, at: datetime, cause: Cause) -> StepExecuted | PlanVoided:
    """All trades of the plan and its penalty, or none; voided if book or prices have moved.

    Runs inside the case's decision: the fact it returns is recorded with them.
    """
    steps = plan.read(made.steps)
    terms = record.shared_instruments(step.symbol for step in steps)
    for account_id in sorted((made.account_id, made.backstop)):
        store.claim(f"account-{account_id}")  # so that the book cannot move after the look at it
    row, sealed = record.account_row(made.account_id), record.latest_prices()
    changes = {
        "the book or the prices moved": (sealed.sequence, row.version)
        != (made.price_sequence, made.account_version),
        "the prices grew too old": _too_old(sealed, at=at),
        "the backstop may not trade any more": made.backstop not in accounts.backstop_accounts(),
        "an instrument stopped trading": not _all_trade(terms, at=at),
    }
    for what, changed in changes.items():
        if changed:
            return PlanVoided(
                account_id=made.account_id,
                case_id=made.case_id,
                plan=made.plan,
                reason=f"{what} after it was made",
            )
    reported = [_trade(made, step, terms[step.symbol]) for step in steps]
    sequences = trades.novate_all(reported, at=at, cause=cause)
    if made.penalty:
        collateral.charge_penalty(
            made.account_id,
            key=made.plan,
            asset=_reporting(made),
            amount=made.penalty,
            reason=f"liquidation case {made.case_id} step {made.step}",
            at=at,
            cause=cause,
        )
    return StepExecuted(
        account_id=made.account_id,
        case_id=made.case_id,
        step=made.step,
        plan=made.plan,
        trades=len(reported),
        penalty=made.penalty,
        last_trade=max(sequences),
    )


def _too_old(sealed: SealedPrices, *, at: datetime) -> bool:
    age = (at - sealed.at).total_seconds()
    return age > record.policy().price_max_age_seconds


def _all_trade(terms: Mapping[str, Instrument], *, at: datetime) -> bool:
    try:
        for it in terms.values():
            instrument.check_trading(it, at=at)
    except InstrumentNotTrading:
        return False
    return True


def _reporting(made: PlanMade) -> str:
    return what_if.reporting_of(made.run_id, made.account_id)


def _trade(made: PlanMade, step: Step, it: Instrument) -> Trade:
    sells = step.lots < 0
    return Trade(
        trade_id=f"{made.case_id}-{made.step}-{step.symbol}",
        venue=HOUSE_VENUE,
        symbol=step.symbol,
        quantity=str(abs(step.lots) * it.lot_size),
        price=str(instrument.price_of(it, step.price_ticks)),
        buyer=made.backstop if sells else made.account_id,
        seller=made.account_id if sells else made.backstop,
    )


def _lots(account: Account) -> dict[str, int]:
    prefix = entries.lots("")
    return {
        asset.removeprefix(prefix): amount
        for asset, amount in account.holdings.items()
        if asset.startswith(prefix)
    }


def _backstop(steps: tuple[Step, ...], terms: dict[str, Instrument], levels: Levels) -> str:
    """The first ring-fenced account that meets its own initial level with what is closed.

    Raises NothingToClose where there is none.
    """
    found = accounts.backstop_accounts()
    taken = tuple(replace(step, lots=-step.lots) for step in steps)
    book = _book({name: plan.after(record.account(name), taken, terms) for name in found})
    for name, outlook in zip(
        found, what_if.levels(book, price_sequence=levels.price_sequence), strict=True
    ):
        if outlook is not None and outlook.equity >= outlook.target:
            return name
    raise NothingToClose(reason="no open backstop account can take it over", tried=len(found))


def _book(accounts_after: Mapping[str, Account]) -> BookColumns:
    """Hypothetical accounts as columns."""
    book = BookColumns(accounts=[], versions=[], sequences=[], row=[], asset=[], amount=[])
    for row, (name, account) in enumerate(accounts_after.items()):
        book.accounts.append(name)
        book.versions.append(0)
        book.sequences.append(0)
        for asset, amount in sorted(account.holdings.items()):
            book.row.append(row)
            book.asset.append(asset)
            book.amount.append(amount)
    return book
