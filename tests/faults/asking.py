"""Commands asked of the house: taken, refused, asked again, and asked for something else.

A command that is refused must have left nothing behind. One that was taken is kept with its answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clearing import models
from clearing.domain.errors import Refusal
from clearing.store import KeyReused


@dataclass(frozen=True)
class Done:
    """`again` asks the same; `other` asks for something else under the same key, if it has one."""

    kind: str
    again: Callable[[], Any]
    answer: Any
    other: Callable[[], Any] | None


class Asked:
    def __init__(self) -> None:
        self.done: list[Done] = []
        self.taken: Counter[str] = Counter()
        self._numbers = 0

    def ask(
        self, kind: str, service: Callable[[], Any], other: Callable[[], Any] | None = None
    ) -> Any:
        """The answer; None where it was refused, which must have left nothing behind."""
        before = facts()
        try:
            answer = service()
        except Refusal:
            assert facts() == before, f"a refused {kind} left something behind"
            self.taken[f"{kind} refused"] += 1
            return None
        self.taken[kind] += 1
        self.done.append(Done(kind, service, answer, other))
        return answer

    def repeat(self, place: int) -> None:
        """I6: the same again is answered the same, and nothing new is recorded."""
        it = self.done[place % len(self.done)]
        before = facts()
        answer = it.again()
        assert facts() == before, f"{it.kind} was recorded again"
        assert answer == it.answer or it.answer is None or answer is None

    def reuse(self, place: int) -> None:
        """I6: something else under a key that was used is refused as such."""
        keyed = [it for it in self.done if it.other is not None]
        if not keyed:
            return
        it, before = keyed[place % len(keyed)], facts()
        try:
            assert it.other is not None
            it.other()
        except KeyReused:
            assert facts() == before
            return
        raise AssertionError(f"another {it.kind} was taken under the same key")

    def key(self) -> str:
        self._numbers += 1
        return f"m-{self._numbers}"


def facts() -> int:
    return models.Event.objects.count()
