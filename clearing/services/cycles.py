"""Settlement cycles over the whole book: opened, worked off by stretches, closed if they balance.

How it flows. Opening freezes the book in one statement and records what the cycle is pinned to. A
stretch takes its accounts out of the frozen book, claims their streams, reads their trades with one
query, folds in memory and appends one fact an account, all in one transaction: so whoever dies on
the way leaves no account half settled, and whoever comes after finds those that are left. Closing
sums what was moved with one query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings

from clearing import models, selectors, store
from clearing.domain import clock, cycles, entries, instrument, settlement
from clearing.domain.cause import Cause
from clearing.domain.cycles import CycleNotBalanced, CycleUnderWay, Kind, State, Trigger
from clearing.domain.events import (
    AccountSettled,
    CycleCleared,
    CycleClosed,
    CycleHeld,
    CycleOpened,
    TradeNovated,
)
from clearing.domain.instrument import Instrument
from clearing.domain.settlement import Fault, Fee, Line, Moved
from clearing.selectors import BookColumns, CycleSums, SealedPrices, funded
from clearing.selectors.settlement import Unsettled
from clearing.services import accounts, books, jobs

Progress = Callable[[int, int], None]  # accounts settled, accounts in all
ROUNDING_STREAM = f"account-{entries.ROUNDING}"


def quiet(_done: int, _all: int) -> None:
    """Says nothing."""


# --- the way through --------------------------------------------------------------------------


def settle(
    cycle_id: str,
    sealed: SealedPrices,
    *,
    kind: Kind = Kind.AD_HOC,
    slot: str = "",
    cause: Cause,
    progress: Progress = quiet,
) -> models.Cycle:
    """Open the cycle unless it is open, settle what is left of it, close it.

    Doing it again carries on, or changes nothing. Raises CycleUnderWay while another is not closed.
    """
    open_cycle(cycle_id, sealed, kind=kind, slot=slot, cause=cause)
    return carry_on(cycle_id, cause=cause, progress=progress)


def settle_now(*, cause: Cause, progress: Progress = quiet) -> models.Cycle:
    """An ad hoc cycle on the latest sealed set; what was left under way or held is taken up instead.

    Raises PriceMissing, CycleUnderWay.
    """
    for row in selectors.open_cycles():
        return carry_on(row.cycle_id, cause=cause, progress=progress)
    number = selectors.cycles().filter(kind=Kind.AD_HOC).count() + 1
    name = f"ad-hoc-{number}"
    return settle(name, selectors.latest_prices(), cause=cause, progress=progress)


def settle_due(sealed: SealedPrices, *, cause: Cause) -> models.Cycle | None:
    """The periodic cycle whose slot this set is the first to reach; None when none is due.

    A cycle that somebody left under way is finished first. While one is held for people nothing is
    opened: the front page shouts, and the house goes on to margin.
    """
    finish_open(cause=cause)
    slot = cycles.slot_at(selectors.schedule(), sealed.at)
    if slot is None or selectors.open_cycles():
        return None
    first = selectors.price_sets().filter(at__gte=slot).order_by("at").first()
    if first is None or first.sequence != sealed.sequence:
        return None
    name = f"periodic-{slot:%Y%m%dT%H%M%SZ}"
    return settle(name, sealed, kind=Kind.PERIODIC, slot=clock.text(slot), cause=cause)


def finish_open(*, cause: Cause) -> None:
    """Whatever was left under way, by whoever died."""
    for row in selectors.open_cycles():
        if row.state == State.OPENED:
            carry_on(row.cycle_id, cause=cause)


def carry_on(cycle_id: str, *, cause: Cause, progress: Progress = quiet) -> models.Cycle:
    """Settle what is left of an open cycle and close it. Raises NotFound, CycleUnderWay when
    another worker still settles the last of it."""
    row = selectors.cycle(cycle_id)
    if row.state == State.CLOSED:
        return row
    cause = cause.because_of(row.opened)
    while settle_next(cycle_id, cause=cause):
        progress(row.accounts - books.left(_book(cycle_id)), row.accounts)
    close(cycle_id, cause=cause)
    return selectors.cycle(cycle_id)


def _book(cycle_id: str) -> str:
    return f"cycle-{cycle_id}"[:80]


@store.decision
def open_cycle(
    cycle_id: str, sealed: SealedPrices, *, kind: Kind, slot: str, cause: Cause
) -> int | None:
    """None when it was opened before. Raises CycleUnderWay.

    The schedule's stream is claimed first, here and where contracts expire: so one cycle is under
    way at a time, and no position expires between a cycle's book and its settlement.
    """
    store.claim("schedule")
    stream = store.claim(f"cycle-{cycle_id}")
    if stream.version:
        return None
    check_none_open()
    cycles.move(State.NONE, Trigger.OPEN)
    count = books.freeze(_book(cycle_id))
    fact = CycleOpened(
        cycle_id=cycle_id,
        kind=kind,
        slot=slot or cycle_id,
        price_set=selectors.standing_name(sealed.sequence) or sealed.name,
        price_sequence=sealed.sequence,
        accounts=count,
        watermark=books.watermark(_book(cycle_id)),
        corrects="",
    )
    return store.append(stream, fact, at=sealed.at, cause=cause)


def check_none_open() -> None:
    """Raises CycleUnderWay. Ask with the schedule's stream claimed."""
    for row in selectors.open_cycles():
        raise CycleUnderWay(field="cycle", cycle=row.cycle_id, state=row.state)


# --- a stretch of accounts --------------------------------------------------------------------


@store.decision
def settle_next(cycle_id: str, *, cause: Cause) -> int:
    """Settle the next stretch of accounts; how many it had, 0 when none is left to take."""
    columns = books.take(_book(cycle_id), most=settings.SURETY_CHUNK_ACCOUNTS)
    if not columns.accounts:
        return 0
    row = selectors.cycle(cycle_id)
    unsettled = selectors.unsettled_between(columns.accounts, columns.versions)
    _fund_again(columns, unsettled, row, cause=cause)
    facts = _settled(columns, unsettled, row)
    streams = store.claim_all(f"account-{fact.account_id}" for fact in facts)
    named = [(streams[f"account-{fact.account_id}"], fact) for fact in facts]
    reason = f"settled in {cycle_id}"  # fees of what it traded before it was closed
    store.append_all(accounts.reopening(named, reason=reason), at=row.at, cause=cause)
    return len(columns.accounts)


def _fund_again(
    columns: BookColumns, unsettled: Unsettled, row: models.Cycle, *, cause: Cause
) -> None:
    """A trade took effect in an interval whose funding was fixed before it was reported, or was held
    in one and undone since: a job pays the difference."""
    late = selectors.late_in_funded(columns.accounts, columns.versions)
    undone = funded.fixings_held({name for it in unsettled.unwound.values() for name in it})
    for fixing in sorted({*late, *undone}):
        address = {"sequence": fixing, "correlation_id": cause.correlation_id}
        jobs.leave("clearing.settle_funding", key=f"{fixing}-{row.cycle_id}", address=address)


def _settled(columns: BookColumns, unsettled: Unsettled, row: models.Cycle) -> list[AccountSettled]:
    """A fact for each account that has something to settle, or whose trades are settled by now."""
    trades, held = unsettled.trades, _held(columns)
    symbols = {symbol for book in held for symbol in book}
    symbols |= {trade.symbol for mine in trades.values() for trade in mine}
    terms, fees = selectors.instruments(symbols), selectors.fees()
    quotes = selectors.prices_named(row.price_set).quotes
    marks = {symbol: quotes[symbol].mark for symbol in symbols if symbol in quotes}
    found = []
    for account, version, book in zip(columns.accounts, columns.versions, held, strict=True):
        mine = trades.get(account, [])
        lines = _lines(book, mine, terms, marks, fees)
        if lines or mine or account in unsettled.unwound:
            found.append(
                AccountSettled(
                    account_id=account,
                    cycle_id=row.cycle_id,
                    price_set=row.price_set,
                    book_version=version,
                    lines=settlement.text_of(lines),
                )
            )
    return found


def _held(columns: BookColumns) -> list[dict[str, tuple[int, int]]]:
    """Of each account, symbol -> (lots, cost)."""
    found: list[dict[str, tuple[int, int]]] = [{} for _ in columns.accounts]
    for row, asset, amount in zip(columns.row, columns.asset, columns.amount, strict=True):
        what, _, symbol = asset.partition(":")
        lots, cost = found[row].get(symbol, (0, 0))
        if what == "lots":
            found[row][symbol] = (amount, cost)
        elif what == "cost":
            found[row][symbol] = (lots, amount)
    return found


def _lines(
    book: Mapping[str, tuple[int, int]],
    trades: Sequence[TradeNovated],
    terms: Mapping[str, Instrument],
    marks: Mapping[str, str],
    fees: Mapping[instrument.Kind, Fee],
) -> list[Line]:
    """What the set does not quote is carried on as it is: it has no mark to settle at."""
    revalued = [
        settlement.variation_margin(terms[symbol], lots=lots, cost=cost, mark=marks[symbol])
        for symbol, (lots, cost) in sorted(book.items())
        if terms[symbol].carried_at_cost and symbol in marks
    ]
    return [*revalued, *settlement.trade_lines(trades, terms, fees)]


# --- closing ----------------------------------------------------------------------------------


@store.decision
def close(cycle_id: str, *, cause: Cause) -> int | None:
    """Bring the settlement account back to zero, or hold the cycle and say which invariant is broken.

    None when it was closed before. Raises CycleUnderWay while accounts are still being settled.
    """
    stream = store.claim(f"cycle-{cycle_id}")
    row = selectors.cycle(cycle_id)
    if row.state == State.CLOSED:
        return None
    left = books.left(_book(cycle_id))
    if left:
        raise CycleUnderWay(field="cycle", cycle=cycle_id, accounts=left)
    sums = selectors.sums_of(cycle_id)
    fault = fault_of(cycle_id, sums)
    if fault is not None:
        cycles.move(State(row.state), Trigger.HOLD)
        held = CycleHeld(cycle_id=cycle_id, invariant=fault.invariant, reason=fault.reason)
        return store.append(stream, held, at=row.at, cause=cause)
    cycles.move(State(row.state), Trigger.CLOSE)
    store.claim(ROUNDING_STREAM)  # what it carries is read, and changed by what is cleared
    carried = selectors.account_book(entries.ROUNDING).held
    facts: list[Any] = [_cleared(cycle_id, it.moved, carried) for it in sums]
    facts.append(closed(cycle_id, facts))
    return store.append_all([(stream, it) for it in facts], at=row.at, cause=cause)[-1]


def fault_of(cycle_id: str, sums: Iterable[CycleSums]) -> Fault | None:
    """The first invariant that does not hold."""
    expected: dict[str, int] = {}
    for it in sums:
        fault = settlement.fault_in(it.moved)
        if fault is not None:
            return fault
        for asset, amount in _assets(it.moved):
            expected[asset] = expected.get(asset, 0) + amount
    moved = selectors.moved_by_settlement(cycle_id)
    wanted = {asset: amount for asset, amount in expected.items() if amount}
    if moved != wanted:
        return Fault("I3", f"entries moved {moved}, and lines say {wanted}")
    return None


def _assets(moved: Moved) -> tuple[tuple[str, int], ...]:
    return (entries.cash(moved.settlement), moved.cash), (entries.cost(moved.symbol), moved.cost)


def _cleared(cycle_id: str, moved: Moved, carried: Mapping[str, int]) -> CycleCleared:
    """Of revalued positions, the rounding account carries what their values do not cancel to."""
    before = carried.get(entries.cost(moved.symbol), 0)
    return cleared(cycle_id, moved, residue_cost=moved.value + before)


def cleared(cycle_id: str, moved: Moved, *, residue_cost: int) -> CycleCleared:
    """The settlement account gets back what it paid: in what is carried at cost, from the rounding
    account as much as said and from the house between buyers and sellers the rest; in cash, as much
    from the house between them again, since what it holds in cash is what it holds in cost."""
    drawn = moved.cost - residue_cost
    return CycleCleared(
        cycle_id=cycle_id,
        symbol=moved.symbol,
        settlement=moved.settlement,
        drawn=drawn,
        residue_cash=moved.cash - drawn,
        residue_cost=residue_cost,
    )


def close_at_once(
    stream: store.Stream, cycle_id: str, *, at: datetime, cause: Cause, differences: bool = False
) -> int:
    """Clear and close a cycle in the decision that opened it, with the rounding account's stream
    claimed where positions carried at cost have left. Raises CycleNotBalanced: then nothing is paid.

    Differences to what was paid before need not cancel by themselves; who computes them has checked
    that the corrected amounts do.
    """
    sums = selectors.sums_of(cycle_id)
    faults = [] if differences else [settlement.fault_in(it.moved) for it in sums]
    for fault in filter(None, faults):
        raise CycleNotBalanced(cycle=cycle_id, invariant=fault.invariant, reason=fault.reason)
    carried = {} if differences else selectors.account_book(entries.ROUNDING).held
    facts: list[Any] = [
        cleared(cycle_id, it.moved, residue_cost=carried.get(entries.cost(it.moved.symbol), 0))
        for it in sums
    ]
    facts.append(closed(cycle_id, facts))
    return store.append_all([(stream, it) for it in facts], at=at, cause=cause)[-1]


def closed(cycle_id: str, facts: Iterable[CycleCleared]) -> CycleClosed:
    """Counts, totals and the hash of the lines, for the fact that ends a cycle."""
    lines = selectors.settled_lines(cycle_id)
    return CycleClosed(
        cycle_id=cycle_id,
        accounts=len({line[0] for line in lines}),
        lines=len(lines),
        totals=settlement.totals(
            ((asset, kind, int(cash)) for _, kind, _, _, asset, *_, cash, _ in lines),
            ((it.settlement, it.residue_cash) for it in facts),
        ),
        content_hash=settlement.content_hash(lines),
    )
