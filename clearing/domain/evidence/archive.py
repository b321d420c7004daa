"""What is exported for whoever keeps it outside: a signed checkpoint and, below it, what it covers.

    <the signed note>
    <empty line>
    block <header of block 1 as JSON>          one line a block
    fact <sequence> <hash in hex>              one line a fact, where it was asked for

The signature covers the tree over the heads of the blocks, the headers give the heads, and the facts
their roots: so every line is proved by the note, and the file needs no other protection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from clearing.domain.evidence import header, merkle
from clearing.domain.evidence.checkpoint import Checkpoint, NotACheckpoint, PublicKey, opened
from clearing.domain.evidence.header import GENESIS, Header

Run = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    note: str
    headers: tuple[Header, ...] = ()
    facts: tuple[tuple[int, bytes], ...] = ()


def written(it: Archive) -> str:
    lines = [f"block {each.text()}\n" for each in it.headers]
    lines += [f"fact {sequence} {digest.hex()}\n" for sequence, digest in it.facts]
    return it.note + ("\n" + "".join(lines) if lines else "")


def parsed(text: str) -> Archive:
    """Raises NotACheckpoint."""
    body, blank, rest = text.partition("\n\n")
    signatures, _, lines = rest.partition("\n\n")
    if not blank:
        raise NotACheckpoint("there is no signed note in it")
    headers: list[Header] = []
    facts: list[tuple[int, bytes]] = []
    for line in lines.splitlines():
        kind, _, said = line.partition(" ")
        try:
            if kind == "block":
                headers.append(header.parsed(said))
            elif kind == "fact":
                sequence, _, digest = said.partition(" ")
                facts.append((int(sequence), bytes.fromhex(digest)))
            else:
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise NotACheckpoint(f"no line of an archive: {line[:60]}") from None
    note = f"{body}\n\n{signatures.rstrip(chr(10))}\n"
    return Archive(note=note, headers=tuple(headers), facts=tuple(facts))


def faults(it: Archive, key: PublicKey) -> Iterator[str]:
    """What is wrong with it in itself: signature, chain of headers, tree, and the facts' roots."""
    try:
        signed = opened(it.note, key)
    except NotACheckpoint as fault:
        yield str(fault)
        return
    if it.headers:
        yield from _chain_faults(it.headers, signed)
    if it.facts:
        yield from _fact_faults(it)


def _chain_faults(headers: Sequence[Header], signed: Checkpoint) -> Iterator[str]:
    previous, number = GENESIS, 0
    for each in headers:
        if (each.number, each.previous) != (number + 1, previous):
            yield f"the header of block {each.number} does not follow block {number}"
        previous, number = each.head(), each.number
    heads = [merkle.head_leaf(each.head()) for each in headers]
    if (len(heads), merkle.root(heads)) != (signed.blocks, signed.root):
        yield "the headers are not those that were signed"
    if (headers[-1].last, headers[-1].head()) != (signed.last, signed.head):
        yield "the last header is not the one that was signed"


def _fact_faults(it: Archive) -> Iterator[str]:
    left = list(reversed(it.facts))
    for each in it.headers:
        leaves = []
        while left and left[-1][0] <= each.last:
            leaves.append(merkle.fact_leaf(*left.pop()))
        if merkle.root(leaves) != each.root:
            yield f"the facts of block {each.number} are not those that were signed"
    if left:
        yield f"{len(left)} facts lie past the last block"


def sequences_of(it: Header) -> set[int]:
    """Which sequences a block sealed. Blocks of format 1 do not say which of theirs were dead."""
    dead = {each for first, last in it.dead for each in range(first, last + 1)}
    return {each for each in range(it.first, it.last + 1) if each not in dead}


def in_runs(sequences: Iterable[int]) -> list[Run]:
    """Sorted, neighbours put together."""
    runs: list[Run] = []
    for each in sorted(sequences):
        if runs and runs[-1][1] == each - 1:
            runs[-1] = (runs[-1][0], each)
        else:
            runs.append((each, each))
    return runs


def said(sequences: Iterable[int], *, most: int = 20) -> str:
    """`7, 9-12 and 3 more stretches`."""
    runs = in_runs(sequences)
    shown = ", ".join(
        str(first) if first == last else f"{first}-{last}" for first, last in runs[:most]
    )
    return shown + (f" and {len(runs) - most} more stretches" if len(runs) > most else "")
