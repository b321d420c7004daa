"""Holding what the outside says against the book, and bringing in what the log lacks.

A run is one decision: the statement is kept as evidence, the book is asked as of the statement's
time, and what agrees, what does not, and what must halt are recorded together. Runs queue on one
stream, so that two at once cannot find the same break twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from clearing import models, selectors, store
from clearing.domain import account, amounts, clock, reconciliation
from clearing.domain import instrument as contract
from clearing.domain.cause import Cause
from clearing.domain.errors import Refusal, naming
from clearing.domain.events import (
    BreakExplained,
    BreakFound,
    ReconciliationRun,
    ToleranceSet,
)
from clearing.domain.points import PointInTheFuture
from clearing.domain.reconciliation import (
    CUSTODIAN,
    MOVEMENTS,
    UNNAMED,
    Key,
    OutsideLine,
    SourceReused,
    Terms,
)
from clearing.domain.trade import Trade
from clearing.services import collateral, releases, trades
from clearing.services.collateral import WithdrawalTaken
from clearing.services.releases import BREAK, ORDER, STREAM


class BreakNotOpen(Refusal):
    code = "break-not-open"
    says = "The break is explained or resolved already."


class HolderUnnamed(Refusal):
    code = "holder-unnamed"
    says = "Movements are recovered under the name of who told of them."
    remedy = "Name the custodian or the venue."


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """As it came, and what it says."""

    holder: str
    kind: str
    at: datetime
    body: str
    lines: Sequence[OutsideLine]

    @property
    def document(self) -> str:
        return reconciliation.named(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What became of the movements the log did not have: reference -> why it was refused."""

    recorded: tuple[str, ...]
    refused: Mapping[str, str]


@store.decision
def reconcile(it: Statement, *, key: str = "", at: datetime, cause: Cause) -> int:
    """Hold a statement against the book as of its time; return the sequence of the run.

    The same statement again, while nothing differs from what its last run saw, is that run.
    Raises PointInTheFuture, AssetUnknown, InstrumentUnknown, AmountNotExact, AmountOutOfRange,
    DifferenceOutOfRange, SourceGap, SourceReused, KeyReused; of a line, with its place.
    """
    if it.at > at:
        raise PointInTheFuture(field="at", got=it.at.isoformat(), now=at.isoformat())
    stream = store.claim(STREAM)
    content = f"{it.kind} {it.holder} {clock.text(it.at)} {it.document}"
    before = store.earlier(scope=cause.actor, key=key, content=content) if key else None
    if before is not None:
        return before
    sequence = _run(stream, it, at=at, cause=cause)
    if key:
        store.remember(scope=cause.actor, key=key, content=content, sequence=sequence)
    return sequence


def _run(stream: store.Stream, it: Statement, *, at: datetime, cause: Cause) -> int:
    last, last_source, new_keys = _follows(it)
    ours, theirs, terms = _sides(it)
    known = selectors.known_breaks(holder=it.holder, kind=it.kind)
    if it.kind != CUSTODIAN:  # of an instrument it does not name, a venue says nothing
        known = {key: found for key, found in known.items() if key[1] in terms}
    missing = selectors.unknown_movements(it.lines, holder=it.holder, kind=it.kind)
    matched, differences = reconciliation.compare(ours, theirs)
    reconciliation.check_sizes(differences, it.lines)
    found = list(
        reconciliation.breaks(
            differences,
            known=known,
            terms=terms,
            missing=missing,
            holder=it.holder,
            kind=it.kind,
            document=it.document,
            next_number=selectors.breaks().count() + 1,
        )
    )
    fact = ReconciliationRun(
        holder=it.holder,
        kind=it.kind,
        document=it.document,
        at=clock.text(it.at),
        lines=len(it.lines),
        matched=len(matched),
        breaks=len(differences),
        missing=len(missing),
        last_source=last_source,
    )
    if last is not None and not found and _same(last, fact):
        return last.sequence
    _keep(it)
    kept = [store.Remembered(key=each, first=0, last=0) for each in new_keys]
    [sequence] = store.append_all([(stream, fact)], at=at, cause=cause, remembering=kept)
    new = [each for each in found if isinstance(each, BreakFound)]
    halts = releases.halting(
        [each.halts for each in new], because=BREAK, reason=f"{it.holder} says otherwise"
    )
    facts: list[Any] = [*found, *halts]
    store.append_all([(stream, each) for each in facts], at=at, cause=cause.because_of(sequence))
    return sequence


def _follows(it: Statement) -> tuple[models.Reconciliation | None, int, list[store.Key]]:
    """(the holder's run before, its number of the last movement now known, the numbers it tells for
    the first time). Raises SourceGap, SourceReused."""
    last = selectors.reconciliation_runs(holder=it.holder, kind=it.kind).first()
    source = reconciliation.check_sources(it.lines, last=last.last_source if last else 0)
    told = reconciliation.told(it.lines)
    scope = f"statement:{it.kind}:{it.holder}"
    keys = [store.Key(scope=scope, key=number, content=its) for number, its in told.values()]
    try:
        known = store.earlier_all(keys)
    except store.KeyReused as reused:
        place = list(told)[reused.place or 0]
        refusal = SourceReused(field="source_sequence", number=told[place][0])
        refusal.place = place
        raise refusal from None
    return last, source, [key for key, before in zip(keys, known, strict=True) if before is None]


def _same(last: models.Reconciliation, fact: ReconciliationRun) -> bool:
    """Nothing else was seen, and nobody has asked meanwhile for everything to be seen again."""
    content = asdict(fact) | {"at": clock.parsed(fact.at)}
    seen = all(getattr(last, name) == it for name, it in content.items())
    ordered = selectors.release_halts().filter(because=ORDER, sequence__gt=last.sequence)
    return seen and not ordered.exists()


def _sides(it: Statement) -> tuple[dict[Key, int], dict[Key, int], dict[str, Terms]]:
    """(ours, theirs, what each asset or instrument means)."""
    stated = [(place, line) for place, line in enumerate(it.lines) if line.line not in MOVEMENTS]
    theirs: dict[Key, int] = {}
    if it.kind == CUSTODIAN:
        ours = selectors.custody_of(it.holder, effective_at=it.at)
        digits, allowed = selectors.scales(), selectors.tolerances()
        for place, line in stated:
            with naming(place):
                if line.asset not in digits:
                    raise selectors.AssetUnknown(field="asset", asset=line.asset)
                theirs[reconciliation.key_of(line)] = _minor(line, digits[line.asset])
        means = {
            asset: Terms(unit="cash", halts=asset, tolerance=allowed.get(asset, 0))
            for _, asset in {*ours, *theirs}
        }
        return ours, theirs, means
    symbols = sorted({line.asset for _, line in stated})
    terms = {symbol: selectors.instrument(symbol) for symbol in symbols}
    ours = selectors.lots_by_account(symbols, effective_at=it.at)
    for place, line in stated:
        with naming(place):
            theirs[reconciliation.key_of(line)] = _lots(line, terms[line.asset])
    means = {symbol: Terms(unit="lots", halts=terms[symbol].settlement) for symbol in symbols}
    return ours, theirs, means


def _minor(line: OutsideLine, scale: int) -> int:
    return amounts.exact(amounts.decimal(line.amount, field="amount"), scale=scale, field="amount")


def _lots(line: OutsideLine, it: contract.Instrument) -> int:
    """Signed whole lots. Raises AmountNotExact, AmountOutOfRange."""
    held = amounts.decimal(line.amount, field="amount")
    return amounts.steps(held, of=it.lot_size, field="amount")


def _keep(it: Statement) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [it.document, it.body])


# --- what follows from a break -------------------------------------------------------------------


@store.decision
def explain(break_id: str, *, reason: str, at: datetime, cause: Cause) -> int:
    """An officer knows why. It stands, and no longer forbids a certificate.

    Raises NotFound, BreakNotOpen.
    """
    stream = store.claim(STREAM)
    found = selectors.found_break(break_id)
    if found.status != "open":
        raise BreakNotOpen(field="break_id", found=break_id, status=found.status)
    fact = BreakExplained(break_id=break_id, reason=reason)
    return store.append(stream, fact, at=at, cause=cause)


@store.decision
def set_tolerance(asset: str, *, amount: str, at: datetime, cause: Cause) -> int | None:
    """A difference of no more than this halts nothing, from the next run on. None when it is so.

    Raises AssetUnknown, AmountNotExact, AmountOutOfRange.
    """
    stream = store.claim(STREAM)
    scale = selectors.scale(asset)
    minor = amounts.exact(amounts.decimal(amount, field="amount"), scale=scale, field="amount")
    if minor < 0:
        raise amounts.AmountOutOfRange(field="amount", got=amount)
    if selectors.tolerances().get(asset, 0) == minor:
        return None
    return store.append(stream, ToleranceSet(asset=asset, amount=minor), at=at, cause=cause)


def recover(it: Statement, *, at: datetime, cause: Cause) -> Recovered:
    """Record the movements of a statement that the log does not have, in their holder's order.

    After a restore the outside is ahead of us. Each is a decision of its own under the key it would
    have had, so that running this again, or hearing of it from its holder after all, records
    nothing twice. One that is refused is named with the reason, and the others go on.
    Raises HolderUnnamed, SourceGap, SourceReused.
    """
    if it.holder == UNNAMED:
        raise HolderUnnamed(field="holder")
    _follows(it)
    recorded: list[str] = []
    refused: dict[str, str] = {}
    for line in selectors.unknown_movements(it.lines, holder=it.holder, kind=it.kind):
        then = datetime.fromisoformat(line.at) if line.at else at
        try:
            _record(line, holder=it.holder, at=min(then, at), cause=cause)
            recorded.append(line.reference)
        except Refusal as refusal:
            refused[line.reference] = f"{refusal.code}: {refusal.sentence}"
    return Recovered(recorded=tuple(recorded), refused=refused)


def _record(line: OutsideLine, *, holder: str, at: datetime, cause: Cause) -> None:
    match line.line:
        case reconciliation.DEPOSIT:
            collateral.deposit(
                line.account,
                key=line.reference,
                asset=line.asset,
                amount=line.amount,
                holder=f"custodian:{holder}",
                at=at,
                cause=cause,
            )
        case reconciliation.TRADE:
            trade = Trade(
                trade_id=line.reference,
                venue=holder,
                symbol=line.asset,
                quantity=line.amount,
                price=line.price,
                buyer=line.buyer,
                seller=line.seller,
            )
            trades.novate(trade, at=at, cause=cause)
        case _:
            _record_payment(line, at=at, cause=cause)


@store.decision
def _record_payment(line: OutsideLine, *, at: datetime, cause: Cause) -> None:
    """The custodian has paid it out: no test and no halt can undo that, only the book is late.

    Raises WithdrawalTaken where the book says that this one was decided otherwise, or is another
    account's: that is for people to mend.
    """
    stream = store.claim(f"account-{line.account}")
    held = selectors.account(line.account)
    facts: list[Any] = []
    if line.reference not in held.waiting:
        if models.Withdrawal.objects.filter(withdrawal_id=line.reference).exists():
            raise WithdrawalTaken(field="reference", reference=line.reference)
        asked = account.request_withdrawal(
            held,
            withdrawal_id=line.reference,
            asset=line.asset,
            amount=_minor(line, selectors.scale(line.asset)),
        )
        facts.append(asked)
        held = account.evolve(held, asked)
    facts.append(account.settle_withdrawal(held, withdrawal_id=line.reference))
    store.append_all([(stream, each) for each in facts], at=at, cause=cause)


_KEEP = """
    INSERT INTO clearing_outsidedocument (name, body) VALUES (%s, %s) ON CONFLICT DO NOTHING
"""
