"""How a story starts: a house, collateral, and everybody's first trades."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from clearing.domain import instrument
from clearing.domain.cause import Cause
from clearing.domain.trade import Trade
from clearing.services import collateral, reference, timekeeping, trades
from config import opening
from config.story.cast import Cast, Player, fitted
from config.story.feed import Snapshot


def set_up(cast: Cast, *, at: datetime, cause: Cause) -> None:
    """The house, and the collateral its members start with. Doing it again changes nothing."""

    def now() -> datetime:
        timekeeping.reach(at, cause=cause)
        return at

    opening.admit(opening.opening_of(cast.document), now=now, cause=cause)
    for player in cast.players:
        for asset, amount in player.deposits.items():
            key = f"start-{player.account_id}-{asset}"
            collateral.deposit(
                player.account_id, key=key, asset=asset, amount=amount, at=at, cause=cause
            )


def open_books(cast: Cast, first: Snapshot, *, cause: Cause) -> int:
    """Each player's legs as one batch, so that a hedge is never seen half built; how many trades."""
    count = 0
    for player in cast.players:
        reported = _trades(cast, player, first)
        if reported:
            trades.novate_all(reported, at=first.prices.at, cause=cause)
            count += len(reported)
    return count


def _trades(cast: Cast, player: Player, first: Snapshot) -> list[Trade]:
    """At the first prices, rounded to the tick, against the counterparty."""
    reported = []
    for number, leg in enumerate(fitted(player, first.terms, first.prices), start=1):
        it = reference.resolve(leg.terms)
        ticks = instrument.nearest_ticks(it, Decimal(first.prices.quote(it.symbol).mark))
        sides = (player.account_id, cast.counterparty.account_id)
        buyer, seller = sides if leg.quantity > 0 else sides[::-1]
        reported.append(
            Trade(
                trade_id=f"start-{player.account_id}-{number}",
                venue=cast.document["venue"],
                symbol=it.symbol,
                quantity=str(abs(leg.quantity)),
                price=str(instrument.price_of(it, ticks)),
                buyer=buyer,
                seller=seller,
            )
        )
    return reported
