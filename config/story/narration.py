"""The story as it happens: the log's telling facts, one line each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from clearing import selectors as record
from clearing.store import Recorded
from config.desk.wording import Words

TOLD = (
    "clearing.price-set-sealed.v1",
    "clearing.trade-novated.v1",
    "clearing.collateral-deposited.v1",
    "clearing.instrument-expired.v1",
    "clearing.contract-settled.v1",
    "clearing.future-settled.v1",
    "clearing.option-exercised.v1",
    "clearing.option-assigned.v1",
    "clearing.cycle-closed.v1",
    "clearing.cycle-held.v1",
    "clearing.account-opened.v1",
    "clearing.account-suspended.v1",
    "clearing.account-reinstated.v1",
    "clearing.account-reopened.v1",
    "clearing.penalty-charged.v1",
    "margin.call-issued.v1",
    "margin.call-tightened.v1",
    "margin.call-covered.v1",
    "margin.call-overdue.v1",
    "margin.call-breached.v1",
    "margin.call-concluded.v1",
)
PAGE = 500


class Narrator:
    """Follows the sealed log from the beginning and says what matters, in order, once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.after = 0

    def catch_up(self) -> None:
        words = Words(record.scales())
        while True:
            found = record.facts_after(self.after, streams=None, limit=PAGE)
            for it in found:
                self.after = it.sequence
                if self._is_told(it):
                    self.say(f"{_time(it.effective_at)}  {words.line(it)}")
            if len(found) < PAGE:
                return

    @staticmethod
    def _is_told(it: Recorded) -> bool:
        name: str = it.fact.NAME
        if name == "clearing.instrument-expired.v1":
            return bool(record.settled_accounts(it.sequence))
        return name in TOLD or name.startswith("liquidation.")


def _time(at: datetime) -> str:
    return at.strftime("%d %b %H:%M")
