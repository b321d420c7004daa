"""A tape into the record: instruments first, then its trades at their own times.

Business time follows the tape: a story's clock is carried to each trade. A trade that business
time has passed is a late report and is booked under its own date, unless its contract has expired
by now. Trades of one moment are one decision; where one of them is refused, the others are booked
without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path

from clearing import selectors, store
from clearing.domain import clock
from clearing.domain.account import AccountNotOpen
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal
from clearing.domain.instrument import Instrument, InstrumentNotTrading
from clearing.domain.trade import Trade
from clearing.services import timekeeping, trades
from config.feeds import sealing, tables
from config.feeds.tables import Form, RowRefused, row_refused
from config.feeds.tapes import SIDES, SideNotValid, Tape, TapeTrade

Pair = tuple[str, str]  # buyer, seller

BY_SIDE = Form(
    title="accounts by taker's side",
    columns=frozenset(("side", "buyer", "seller")),
    naming="side",
)
BY_TRADE = Form(
    title="accounts by trade",
    columns=frozenset(("trade_id", "buyer", "seller")),
    naming="trade_id",
)


class AccountsNotGiven(Refusal):
    code = "accounts-not-given"
    says = "The accounts do not say who bought and who sold this trade."


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Whose trades they are; what is said of one trade goes before what is said of its side."""

    by_side: Mapping[str, Pair] = field(default_factory=dict)
    by_trade: Mapping[str, Pair] = field(default_factory=dict)

    def of(self, trade: TapeTrade) -> Pair:
        """Raises AccountsNotGiven."""
        pair = self.by_trade.get(trade.trade_id) or self.by_side.get(trade.taker)
        if pair is None:
            raise AccountsNotGiven(field="buyer", trade=trade.trade_id, side=trade.taker)
        return pair

    def named(self) -> dict[str, str]:
        """Every account, with the side it is first named on."""
        found: dict[str, str] = {}
        for buyer, seller in (*self.by_side.values(), *self.by_trade.values()):
            found.setdefault(buyer, "buyer")
            found.setdefault(seller, "seller")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Trades of one moment: how many were booked now, how many before, and which were refused."""

    at: datetime
    booked: int
    known: int
    refused: tuple[RowRefused, ...]


def two_accounts(*, buyer: str, seller: str) -> Accounts:
    """`buyer` stands behind buying takers and `seller` behind selling takers.

    A buying taker meets `seller`, a selling one meets `buyer`: so every trade moves from `seller`
    to `buyer`, whoever took.
    """
    return Accounts(by_side=dict.fromkeys(SIDES, (buyer, seller)))


def read_accounts(path: Path) -> Accounts:
    """From `side,buyer,seller` or `trade_id,buyer,seller`; a wrong row refuses the whole file.

    Raises FileUnreadable, LayoutUnknown, RowBroken, RowRepeated, SideNotValid.
    """
    table = tables.table(path, [BY_SIDE, BY_TRADE])
    pairs: dict[str, Pair] = {}
    for number, cells in table.rows():
        if isinstance(cells, Refusal):
            raise tables.RowBroken(field="row", file=table.file, row=number, **cells.facts)
        key = cells[table.form.naming]
        if table.form is BY_SIDE and key not in SIDES:
            raise SideNotValid(field="side", file=table.file, row=number, got=key[:60], known=SIDES)
        if key in pairs:
            raise tables.RowRepeated(field=table.form.naming, file=table.file, row=number, got=key)
        pairs[key] = (cells["buyer"], cells["seller"])
    return Accounts(by_side=pairs) if table.form is BY_SIDE else Accounts(by_trade=pairs)


def check_accounts(accounts: Accounts) -> None:
    """Raises NotFound, AccountNotOpen."""
    for account_id, side in sorted(accounts.named().items()):
        row = selectors.account_row(account_id)
        if row.kind == "clearinghouse" or row.standing != "open":
            standing = row.standing if row.kind != "clearinghouse" else row.kind
            raise AccountNotOpen(field=side, account=account_id, standing=standing)


def list_needed(tape: Tape, *, cause: Cause) -> tuple[int, dict[str, Refusal]]:
    """List what the tape trades, as of its first trade; how many were new.

    Also, by symbol, why it cannot be booked here: another contract has its name, or it would be
    new here and has expired by business time.
    """
    barred: dict[str, Refusal] = {}
    others, _ = sealing.other_contracts(tape.terms, places={}, assets=tape.assets)
    for symbol in others:
        barred[symbol] = sealing.other_contract(symbol)
    row = selectors.business_clock()
    new = tape.terms.keys() - selectors.instruments(tape.terms).keys()
    for symbol in new:
        expiry = tape.terms[symbol].expiry_at
        if row is not None and expiry and clock.parsed(expiry) <= row.now:
            barred[symbol] = _expired(symbol, expiry_at=clock.parsed(expiry), now=row.now)
    wanted = {symbol: tape.terms[symbol] for symbol in new - barred.keys()}
    if not wanted:
        return 0, barred
    first = tape.trades[0].at
    return sealing.list_for(wanted, assets=tape.assets, at=first, cause=cause), barred


def book(
    tape: Tape, accounts: Accounts, *, barred: Mapping[str, Refusal], cause: Cause
) -> Iterator[Step]:
    """Book the tape moment by moment. Booked before is known, and changes nothing."""
    terms = selectors.instruments(tape.terms)
    for at, same in groupby(tape.trades, key=lambda trade: trade.at):
        found = list(same)
        for first in range(0, len(found), trades.MOST_IN_A_BATCH):
            part = found[first : first + trades.MOST_IN_A_BATCH]
            refused: list[RowRefused] = []
            reported: list[tuple[TapeTrade, Trade]] = []
            for trade in part:
                try:
                    if trade.symbol in barred:
                        raise barred[trade.symbol]
                    reported.append((trade, _reported(trade, accounts.of(trade), tape.venue)))
                except Refusal as refusal:
                    refused.append(_refused(trade, refusal))
            booked, known, more = _book(reported, terms, at=at, cause=cause)
            yield Step(at=at, booked=booked, known=known, refused=(*refused, *more))


def _reported(trade: TapeTrade, pair: Pair, venue: str) -> Trade:
    buyer, seller = pair
    return Trade(
        trade_id=trade.trade_id,
        venue=venue,
        symbol=trade.symbol,
        quantity=trade.quantity,
        price=trade.price,
        buyer=buyer,
        seller=seller,
    )


def _refused(trade: TapeTrade, refusal: Refusal) -> RowRefused:
    return row_refused(refusal, file=trade.file, row=trade.row, instrument=trade.symbol)


def _book(
    reported: Sequence[tuple[TapeTrade, Trade]],
    terms: Mapping[str, Instrument],
    *,
    at: datetime,
    cause: Cause,
) -> tuple[int, int, list[RowRefused]]:
    """All at once, or one by one when one of them is refused."""
    if not reported:
        return 0, 0, []
    try:
        new = _decide([trade for _, trade in reported], terms, at=at, cause=cause)
        return new, len(reported) - new, []
    except Refusal as refusal:
        if len(reported) == 1:
            return 0, 0, [_refused(reported[0][0], refusal)]
    single = [_book([one], terms, at=at, cause=cause) for one in reported]
    return (
        sum(new for new, _, _ in single),
        sum(known for _, known, _ in single),
        [row for _, _, rows in single for row in rows],
    )


@store.decision
def _decide(
    reported: Sequence[Trade], terms: Mapping[str, Instrument], *, at: datetime, cause: Cause
) -> int:
    """How many were new: their facts come after everything their accounts had before."""
    stepped = timekeeping.reach(at, cause=cause)
    now = timekeeping.now()
    accounts = {account_id for trade in reported for account_id in (trade.buyer, trade.seller)}
    latest = {account_id: selectors.account_row(account_id).sequence for account_id in accounts}
    because = cause.because_of(stepped) if stepped else cause
    sequences = trades.novate_all(reported, at=at, cause=because)
    new = 0
    for trade, sequence in zip(reported, sequences, strict=True):
        if sequence <= max(latest[trade.buyer], latest[trade.seller]):
            continue
        new += 1
        expiry_at = terms[trade.symbol].expiry_at
        if expiry_at is not None and expiry_at <= now:
            raise _expired(trade.symbol, expiry_at=expiry_at, now=now)
    return new


def _expired(symbol: str, *, expiry_at: datetime, now: datetime) -> Refusal:
    return InstrumentNotTrading(
        field="symbol",
        symbol=symbol,
        status="expired",
        expiry=clock.text(expiry_at),
        business_time=clock.text(now),
    )
