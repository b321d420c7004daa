"""Which anomalies a history of list-appends shows (after Elle, Kingsbury and Alvaro 2020).

A transaction is a list of operations on keys: it appends a value that nobody else appends, or reads
the whole list of a key. The final order of each list is what the store says at the end; from it and
from what was read follow three kinds of edges between committed transactions:

    ww  appended right after the other's value            rw  read a list that lacks the other's
    wr  read a list whose last value is the other's           next value
A cycle of ww edges alone is G0; of ww and wr G1c; with exactly one rw G-single; with more of them G2.
A read of an aborted value is G1a; of a value that was not its transaction's last on that key G1b.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Append:
    key: str
    value: int


@dataclass(frozen=True)
class Read:
    key: str
    values: tuple[int, ...]


@dataclass(frozen=True)
class Transaction:
    number: int
    operations: tuple[Append | Read, ...]
    committed: bool = True


Edges = dict[int, dict[int, str]]  # from -> to -> the strongest kind: ww before wr before rw


def anomalies(history: Sequence[Transaction], final: Mapping[str, Sequence[int]]) -> set[str]:
    """Names of what the history shows; empty when it is serializable. `lost` is an append of a
    committed transaction that is not in the final list, `phantom` a value nobody appended."""
    writer = {
        it.value: transaction
        for transaction in history
        for it in transaction.operations
        if isinstance(it, Append)
    }
    found = set(_values_out_of_place(history, final, writer))
    edges = _edges(history, final, writer)
    for kinds, name in (({"ww"}, "G0"), ({"ww", "wr"}, "G1c")):
        if _cycle(edges, kinds):
            found.add(name)
    found |= _cycles_with_rw(edges)
    return found


def _values_out_of_place(
    history: Sequence[Transaction],
    final: Mapping[str, Sequence[int]],
    writer: Mapping[int, Transaction],
) -> Iterator[str]:
    kept = {value for values in final.values() for value in values}
    for value, transaction in writer.items():
        if transaction.committed and value not in kept:
            yield "lost"
    for value in kept:
        if value not in writer:
            yield "phantom"
        elif not writer[value].committed:
            yield "G1a"
    for transaction in history:
        if not transaction.committed:
            continue
        for it in transaction.operations:
            if isinstance(it, Read) and it.values:
                yield from _bad_read(it, transaction, writer, final)


def _bad_read(
    it: Read,
    reader: Transaction,
    writer: Mapping[int, Transaction],
    final: Mapping[str, Sequence[int]],
) -> Iterator[str]:
    if tuple(final.get(it.key, ()))[: len(it.values)] != it.values:
        yield "not a prefix"
    last = it.values[-1]
    if last not in writer:
        yield "phantom"
        return
    source = writer[last]
    if source is reader:
        return
    if not source.committed:
        yield "G1a"
    theirs = [op.value for op in source.operations if isinstance(op, Append) and op.key == it.key]
    if theirs[-1] != last:
        yield "G1b"


def _edges(
    history: Sequence[Transaction],
    final: Mapping[str, Sequence[int]],
    writer: Mapping[int, Transaction],
) -> Edges:
    edges: Edges = defaultdict(dict)

    def add(source: Transaction, target: Transaction, kind: str) -> None:
        if source is target or not (source.committed and target.committed):
            return
        before = edges[source.number].get(target.number)
        strength = ("ww", "wr", "rw")
        if before is None or strength.index(kind) < strength.index(before):
            edges[source.number][target.number] = kind

    for values in final.values():
        for one, other in itertools.pairwise(values):
            if one in writer and other in writer:
                add(writer[one], writer[other], "ww")
    for transaction in history:
        for it in transaction.operations:
            if isinstance(it, Append):
                continue
            if it.values and it.values[-1] in writer:
                add(writer[it.values[-1]], transaction, "wr")
            after = final.get(it.key, ())[len(it.values) : len(it.values) + 1]
            if after and after[0] in writer:
                add(transaction, writer[after[0]], "rw")
    return edges


def _cycle(edges: Edges, kinds: set[str]) -> bool:
    return any(_reaches(edges, start, start, kinds) for start in list(edges))


def _cycles_with_rw(edges: Edges) -> set[str]:
    """An rw edge a -> b whose end leads back to a: without another rw G-single, else G2."""
    found = set()
    for source, targets in list(edges.items()):
        for target, kind in targets.items():
            if kind != "rw":
                continue
            if _reaches(edges, target, source, {"ww", "wr"}):
                found.add("G-single")
            elif _reaches(edges, target, source, {"ww", "wr", "rw"}):
                found.add("G2")
    return found


def _reaches(edges: Edges, start: int, goal: int, kinds: set[str]) -> bool:
    """Along at least one edge of these kinds."""
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        for target, kind in edges.get(waiting.pop(), {}).items():
            if kind not in kinds:
                continue
            if target == goal:
                return True
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return False
