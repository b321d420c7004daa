"""Idempotency keys: who asked what under which, and what it led to, for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clearing.domain.errors import Refusal
from clearing.store import binary, packing
from clearing.store.binary import Question, Rows


class KeyReused(Refusal):
    code = "key-reused"
    says = "This key was used before with other content."
    remedy = "Repeat the first request exactly, or use a new key."


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key in the scope of whoever asks, and the content that came under it."""

    scope: str
    key: str
    content: str

    @property
    def request(self) -> bytes:
        return hashlib.sha256(self.content.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a key led to: the first and the last of its facts."""

    first: int | None  # None where it was kept before both were
    last: int


def earlier_all(keys: Sequence[Key]) -> list[Kept | None]:
    """What each key led to before, in one round trip. Ask after claiming. Raises KeyReused, whose
    place is the key's.
    """
    if not keys:
        return []
    (rows,) = binary.ask([earlier_question(keys)])
    kept = found(rows)
    return [answer(key, at, kept) for at, key in enumerate(keys)]


def earlier_question(keys: Sequence[Key]) -> Question:
    named = packing.texts([it.scope for it in keys]), packing.texts([it.key for it in keys])
    return Question(_EARLIER, named)


def found(rows: Rows) -> dict[int, tuple[bytes, Kept]]:
    """Place among the keys asked for -> request hash and what it led to."""
    return {
        place - 1: (request, Kept(first=first, last=last)) for place, request, first, last in rows
    }


def answer(key: Key, place: int, kept: Mapping[int, tuple[bytes, Kept]]) -> Kept | None:
    """What the key led to, if anything did. Raises KeyReused."""
    if place not in kept:
        return None
    request, led = kept[place]
    if request != key.request:
        refusal = KeyReused(field="key", key=key.key)
        refusal.place = place
        raise refusal
    return led


def earlier(*, scope: str, key: str, content: str) -> int | None:
    """The sequence this key led to before, or None. Ask after claiming. Raises KeyReused."""
    (kept,) = earlier_all([Key(scope=scope, key=key, content=content)])
    return None if kept is None else kept.last


def led_to(*, scope: str, key: str) -> Kept | None:
    """What a key led to, whatever came under it: how both legs of a trade are found."""
    (rows,) = binary.ask([earlier_question([Key(scope=scope, key=key, content="")])])
    return found(rows)[0][1] if rows else None


def remember(*, scope: str, key: str, content: str, sequence: int, first: int | None = None) -> int:
    """Keep the key for ever, in the transaction of what it led to; return the sequence.

    `first` is given where it led to more than one fact; `append_all` keeps keys on the way.
    """
    request = Key(scope=scope, key=key, content=content).request
    binary.call(_REMEMBER, [scope, key, request, first or sequence, sequence])
    return sequence


_EARLIER = """
    SELECT asked.place::int, request_hash, first, sequence
    FROM unnest(%b::text[], %b::text[]) WITH ORDINALITY AS asked (scope, key, place)
    JOIN clearing_command USING (scope, key)
"""
_REMEMBER = "SELECT surety_remember(%b::text, %b::text, %b::bytea, %b::bigint, %b::bigint)"
