"""Merkle trees as in RFC 6962: leaves and nodes are hashed apart, so neither passes for the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

EMPTY = hashlib.sha256(b"").digest()


def fact_leaf(sequence: int, digest: bytes) -> bytes:
    """A fact in a block's tree: its place in the global order and its hash."""
    return hashlib.sha256(b"\x00" + sequence.to_bytes(8, "big") + digest).digest()


def fact_leaves(facts: Iterable[tuple[int, bytes]]) -> list[bytes]:
    """`fact_leaf` of each; there are as many as facts, so no call for each."""
    sha = hashlib.sha256
    return [
        sha(b"\x00" + sequence.to_bytes(8, "big") + digest).digest() for sequence, digest in facts
    ]


def head_leaf(head: bytes) -> bytes:
    """A block in the tree of all blocks."""
    return hashlib.sha256(b"\x00" + head).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Splitting at the largest power of two below the length is pairing from the left, level by
    level, where an odd last one moves up as it is."""
    level = list(leaves)
    if not level:
        return EMPTY
    while len(level) > 1:
        level = _above(level)
    return level[0]


def _above(level: list[bytes]) -> list[bytes]:
    sha = hashlib.sha256
    paired = [
        sha(b"\x01" + left + right).digest()
        for left, right in zip(level[0::2], level[1::2], strict=False)
    ]
    if len(level) % 2:
        paired.append(level[-1])
    return paired


def path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings on the way from one leaf to the root, lowest first."""
    assert 0 <= index < len(leaves)
    level, siblings = list(leaves), []
    while len(level) > 1:
        if index ^ 1 < len(level):
            siblings.append(level[index ^ 1])
        level, index = _above(level), index // 2
    return siblings


def root_by(leaf: bytes, *, index: int, size: int, siblings: Sequence[bytes]) -> bytes | None:
    """The root a path leads to; None when it cannot be a path in a tree of that size.

    RFC 9162, 2.1.3.2.
    """
    if not 0 <= index < size:
        return None
    at, last, found = index, size - 1, leaf
    for sibling in siblings:
        if last == 0:
            return None
        if at & 1 or at == last:
            found = node(sibling, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, sibling)
        at, last = at >> 1, last >> 1
    return found if last == 0 else None


def consistency(leaves: Sequence[bytes], old: int) -> list[bytes]:
    """What shows that the tree of all leaves begins with the tree of the first `old` of them.

    RFC 9162, 2.1.4.1.
    """
    assert 0 < old <= len(leaves)
    return _subproof(leaves, old, whole=True)


def _subproof(leaves: Sequence[bytes], old: int, *, whole: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if whole else [root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old <= split:
        return [*_subproof(leaves[:split], old, whole=whole), root(leaves[split:])]
    return [*_subproof(leaves[split:], old - split, whole=False), root(leaves[:split])]


def consistent(
    proof: Sequence[bytes], *, old: int, old_root: bytes, new: int, new_root: bytes
) -> bool:
    """Whether the proof shows that the new tree begins with the old one. RFC 9162, 2.1.4.2."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    steps = list(proof)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            before, after = node(step, before), node(step, after)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            after = node(after, step)
        at, last = at >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root
