"""An expected no."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar


class Refusal(Exception):
    """The house says no, and says why: a code for machines, facts for people.

    `field` names the part of the request that is at fault, where one is; doors show it with the
    code. `place` is which of many it was, where many were asked for at once. Subclasses live
    beside the rule that raises them.
    """

    code: ClassVar[str] = "refused"
    says: ClassVar[str] = "Refused."
    remedy: ClassVar[str] = ""

    def __init__(self, *, field: str | None = None, **facts: Any) -> None:
        self.field = field
        self.place: int | None = None
        self.facts = {name: str(fact) for name, fact in facts.items()}
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        details = ", ".join(f"{name} {fact}" for name, fact in self.facts.items())
        return " ".join(
            part for part in (self.says, f"({details})" if details else "", self.remedy) if part
        )


class NotFound(Refusal):
    """Also the answer for what exists but is not the caller's: nobody learns whose it is."""

    code = "not-found"
    says = "There is no such thing here."


@contextmanager
def naming(place: int) -> Iterator[None]:
    """A refusal of one of many says which."""
    try:
        yield
    except Refusal as refusal:
        refusal.place = place
        raise
