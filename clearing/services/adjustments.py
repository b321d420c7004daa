"""A split of an underlying: every contract on it is exchanged for another, in one decision.

An underlying's index changes once, so all its series change together or none does. The asset's
stream is claimed first, so two adjustments of one underlying queue; then the instruments, whose rows
are locked before their holders are looked up, as at expiry; then the accounts.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clearing import models, selectors, store
from clearing.domain import adjustment, amendment
from clearing.domain.adjustment import Adjustment, NothingToAdjust, Ratio, SymbolTaken
from clearing.domain.amendment import CODES, Codes
from clearing.domain.cause import Cause
from clearing.domain.events import InstrumentCodesAssigned
from clearing.domain.instrument import Instrument, InstrumentNotTrading, InstrumentUnknown
from clearing.services import give_ups, transfers

SCOPE = "contract-adjustment"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusted:
    """What one corporate action did; `new` is False where it had been done before."""

    sequence: int
    new: bool
    series: tuple[Adjustment, ...] = ()
    accounts: int = 0


def adjust_underlying(
    underlying: str, *, ratio: Ratio, action: str, reason: str, at: datetime, cause: Cause
) -> Adjusted:
    """Every live future, perpetual and option on the underlying, under names of the rule's.

    `action` names the corporate action: it is done once, and asking again answers so. Raises
    NothingToAdjust, SymbolTaken, KeyReused, and what `adjustment.adjusted` raises.
    """
    return _adjust(underlying, {}, ratio=ratio, action=action, reason=reason, at=at, cause=cause)


def adjust_contract(
    symbol: str,
    *,
    ratio: Ratio,
    new_symbol: str = "",
    action: str,
    reason: str,
    at: datetime,
    cause: Cause,
) -> Adjusted:
    """One contract alone, under a name given or the rule's. Raises as `adjust_underlying`, and
    InstrumentUnknown, StatusNotValid."""
    it = selectors.instrument(symbol)
    return _adjust(
        it.underlying,
        {symbol: new_symbol},
        ratio=ratio,
        action=action,
        reason=reason,
        at=at,
        cause=cause,
    )


@store.decision
def _adjust(
    underlying: str,
    chosen: Mapping[str, str],
    *,
    ratio: Ratio,
    action: str,
    reason: str,
    at: datetime,
    cause: Cause,
) -> Adjusted:
    content = json.dumps([underlying, dict(chosen), str(ratio)], sort_keys=True)
    store.claim(f"asset-{underlying}")
    before = store.earlier(scope=SCOPE, key=action, content=content)
    if before is not None:
        return Adjusted(sequence=before, new=False)
    symbols = list(chosen) or _live(underlying, at=at)
    series = [
        adjustment.adjusted(it, ratio, symbol=chosen.get(it.symbol, ""))
        for it in selectors.instruments(symbols).values()
    ]
    if not series:
        raise NothingToAdjust(field="underlying", underlying=underlying)
    old, new = [it.old.symbol for it in series], [it.new.symbol for it in series]
    streams = store.claim_all(f"instrument-{symbol}" for symbol in (*old, *new))
    _check_untouched(series, selectors.locked_instruments(old), at=at)
    _check_free(new)

    facts = _of_contracts(series, streams, action=action, reason=reason)
    sequence = store.append_all(facts, at=at, cause=cause)[-1]
    accounts = _exchange(series, at=at, cause=cause.because_of(sequence))
    store.remember(scope=SCOPE, key=action, content=content, sequence=sequence)
    return Adjusted(sequence=sequence, new=True, series=tuple(series), accounts=accounts)


def _live(underlying: str, *, at: datetime) -> list[str]:
    """Without what has expired and only waits for its price."""
    found = selectors.instruments(selectors.series_of(underlying))
    return [it.symbol for it in found.values() if it.expiry_at is None or it.expiry_at > at]


def _check_untouched(
    series: Sequence[Adjustment], locked: Mapping[str, Instrument], *, at: datetime
) -> None:
    for it in series:
        now = locked.get(it.old.symbol)
        if now is None:
            raise InstrumentUnknown(field="symbol", symbol=it.old.symbol)
        amendment.check_alive(now)
        if now.expiry_at is not None and now.expiry_at <= at:
            raise InstrumentNotTrading(field="symbol", symbol=now.symbol, status="expired")


def _check_free(symbols: Sequence[str]) -> None:
    twice = [symbol for symbol, times in Counter(symbols).items() if times > 1]
    taken = sorted({*selectors.instruments(symbols), *twice})
    if taken:
        raise SymbolTaken(field="new_symbol", symbols=" ".join(taken[:10]))


def _of_contracts(
    series: Sequence[Adjustment],
    streams: Mapping[str, store.Stream],
    *,
    action: str,
    reason: str,
) -> list[tuple[store.Stream, Any]]:
    """First every contract that stands in, with the codes it keeps, then every one it stands for."""
    known = selectors.codes(it.old.symbol for it in series)
    listed: list[tuple[store.Stream, Any]] = []
    for it in series:
        stream = streams[f"instrument-{it.new.symbol}"]
        listed.append((stream, adjustment.listed(it)))
        kept = adjustment.codes_after(it, known.get(it.old.symbol, Codes()))
        if kept != Codes():
            named = {name: getattr(kept, name) for name in CODES}
            listed.append((stream, InstrumentCodesAssigned(symbol=it.new.symbol, **named)))
    replaced = [
        (
            streams[f"instrument-{it.old.symbol}"],
            adjustment.fact(it, action=action, reason=reason),
        )
        for it in series
    ]
    return [*listed, *replaced]


def _ended(
    waiting: Iterable[models.Handover], streams: Mapping[str, store.Stream]
) -> list[tuple[store.Stream, Any]]:
    """What was asked for in old lots means nothing any more: whoever still wants it asks anew. One
    that was asked for since its stream was looked up is of the new contract already."""
    reason = "the contract was adjusted"
    return [
        (streams[f"trade-{row.trade}"], give_ups.void(row, reason=reason))
        if row.kind == give_ups.KIND
        else (streams[f"account-{row.from_account}"], transfers.void(row, reason=reason))
        for row in waiting
    ]


def _exchange(series: Sequence[Adjustment], *, at: datetime, cause: Cause) -> int:
    """Every holder's lots; how many accounts. Nobody becomes a holder while the rows are locked, and
    what each holds is read once its stream is claimed."""
    by_symbol = {it.old.symbol: it for it in series}
    holders, waiting = selectors.positions_in(by_symbol), selectors.handovers_in(by_symbol)
    owners = {row.from_account for row in waiting}
    streams = store.claim_all(
        [
            *(f"trade-{row.trade}" for row in waiting if row.trade),
            *(f"account-{account_id}" for account_id in {*holders, *owners}),
        ]
    )
    facts = _ended(selectors.handovers_in(by_symbol), streams) + [
        (
            streams[f"account-{account_id}"],
            adjustment.exchange(by_symbol[symbol], account_id=account_id, lots=lots, cost=cost),
        )
        for account_id, held in sorted(selectors.positions_in(by_symbol).items())
        for symbol, (lots, cost) in sorted(held.items())
    ]
    if facts:
        store.append_all(facts, at=at, cause=cause)
    return len(holders)
