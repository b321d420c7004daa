"""What expiry does to each holder: exercised, assigned, expired, or a future paid out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from clearing.domain import amounts, assignment, instrument
from clearing.domain.errors import Refusal
from clearing.domain.events import (
    AssignmentDrawn,
    FutureSettled,
    OptionAssigned,
    OptionExercised,
    OptionExpired,
)
from clearing.domain.instrument import Instrument, Kind

Payout = FutureSettled | OptionExercised | OptionAssigned | OptionExpired


class InstructionNotValid(Refusal):
    code = "instruction-not-valid"
    says = "An option is abandoned by its holder, lot by lot, before it expires."


@dataclass(frozen=True, slots=True, kw_only=True)
class Final:
    """The final price, and where it is from."""

    cycle_id: str
    index: Decimal
    price_set: str
    seed_set: str  # the set the draw's seed is of: the first that fixed the price


def check_instruction(it: Instrument, *, abandon: int, held: int) -> None:
    """Raises InstructionNotValid."""
    if it.kind is not Kind.OPTION:
        raise InstructionNotValid(field="symbol", symbol=it.symbol, why="not an option")
    if not 0 <= abandon <= max(held, 0):
        raise InstructionNotValid(field="abandon", lots=abandon, held=held)


def payouts(
    it: Instrument,
    held: Mapping[str, tuple[int, int]],
    final: Final,
    *,
    abandoned: Mapping[str, int],
) -> tuple[list[Payout], AssignmentDrawn | None]:
    """A fact for each holder, account -> (lots, cost), in account order; and the draw, if any.

    Options in the money are exercised by themselves, but for the lots their holders abandon; as many
    short lots are assigned, by a draw where not all of them are.
    """
    if it.kind is Kind.FUTURE:
        return [
            _future(account, it, lots=lots, cost=cost, final=final)
            for account, (lots, cost) in sorted(held.items())
        ], None
    lots_of = {account: lots for account, (lots, _) in sorted(held.items())}
    exercised = exercised_lots(it, lots_of, index=final.index, abandoned=abandoned)
    seed = assignment.seed_of(price_set=final.seed_set, symbol=it.symbol)
    assigned = assigned_lots(lots_of, exercised=sum(exercised.values()), seed=seed)
    worthless = not in_the_money(it, final.index)
    facts = [
        _option(account, it, lots, final, exercised | assigned, worthless=worthless)
        for account, lots in lots_of.items()
    ]
    drawn = None
    if exercised:
        drawn = AssignmentDrawn(
            cycle_id=final.cycle_id,
            symbol=it.symbol,
            algorithm=assignment.ALGORITHM,
            seed=seed,
            exercised=sum(exercised.values()),
            shorts=_spelled(shorts_of(lots_of)),
            assigned=_spelled(sorted(assigned.items())),
        )
    return facts, drawn


def owed(
    it: Instrument, lots: Mapping[str, int], final: Final, *, abandoned: Mapping[str, int]
) -> dict[str, int]:
    """account -> what it receives for its lots, before their cost."""
    facts, _ = payouts(
        it, {account: (held, 0) for account, held in lots.items()}, final, abandoned=abandoned
    )
    return {fact.account_id: getattr(fact, "cash", 0) for fact in facts}


def exercised_lots(
    it: Instrument, lots: Mapping[str, int], *, index: Decimal, abandoned: Mapping[str, int]
) -> dict[str, int]:
    """account -> lots exercised, without zeros; nobody's when it is not in the money."""
    if not in_the_money(it, index):
        return {}
    found = {
        account: held - min(abandoned.get(account, 0), held)
        for account, held in lots.items()
        if held > 0
    }
    return {account: each for account, each in found.items() if each}


def in_the_money(it: Instrument, index: Decimal) -> bool:
    assert it.strike is not None
    return index > it.strike if it.is_call else index < it.strike


def assigned_lots(lots: Mapping[str, int], *, exercised: int, seed: str) -> dict[str, int]:
    """account -> short lots assigned, without zeros."""
    drawn = assignment.drawn(shorts_of(lots), exercised=exercised, seed=seed)
    return {account: each for account, each in drawn.items() if each}


def shorts_of(lots: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(account, -held) for account, held in sorted(lots.items()) if held < 0]


def paid(it: Instrument, *, lots: int, counted: int, index: Decimal) -> int:
    """What a holder of `lots` receives for the `counted` of them that are exercised or assigned."""
    return amounts.fitting(instrument.payout(it, index, lots=counted if lots > 0 else -counted))


def _future(account: str, it: Instrument, *, lots: int, cost: int, final: Final) -> FutureSettled:
    value = instrument.payout(it, final.index, lots=lots)
    return FutureSettled(
        account_id=account,
        cycle_id=final.cycle_id,
        symbol=it.symbol,
        settlement=it.settlement,
        index=str(final.index),
        lots=lots,
        cost=cost,
        cash=amounts.fitting(value - cost),
        price_set=final.price_set,
    )


def _option(
    account: str,
    it: Instrument,
    lots: int,
    final: Final,
    counted: Mapping[str, int],
    *,
    worthless: bool,
) -> Payout:
    same = {
        "account_id": account,
        "cycle_id": final.cycle_id,
        "symbol": it.symbol,
        "settlement": it.settlement,
        "index": str(final.index),
        "price_set": final.price_set,
    }
    mine = counted.get(account, 0)
    if not mine:
        reason = "worthless" if worthless else "abandoned" if lots > 0 else "not-assigned"
        return OptionExpired(**same, lots=lots, reason=reason)
    cash = paid(it, lots=lots, counted=mine, index=final.index)
    if lots > 0:
        return OptionExercised(**same, lots=lots, exercised=mine, cash=cash)
    return OptionAssigned(**same, lots=lots, assigned=mine, cash=cash)


def _spelled(rows: Sequence[tuple[str, int]]) -> str:
    return json.dumps([list(row) for row in rows], separators=(",", ":"))
