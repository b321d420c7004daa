"""A proof that one fact stands in the log: from its hash to its block's root, from the block's head to
the root of all blocks, and from there to a signed checkpoint. RFC 6962 twice.

It is data for anybody: JSON with hashes in hex, checked by `python -m clearing.domain.evidence`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clearing.domain.evidence import header, merkle
from clearing.domain.evidence.checkpoint import NotACheckpoint, PublicKey, opened
from clearing.domain.evidence.header import Header


def proof(
    *,
    sequence: int,
    digest: bytes,
    block: Header,
    facts: Sequence[tuple[int, bytes]],
    heads: Sequence[bytes],
    note: str,
) -> dict[str, Any]:
    """`facts` are those of the block, `heads` the heads of all blocks that the note covers."""
    index = [it for it, _ in facts].index(sequence)
    leaves = [merkle.fact_leaf(*fact) for fact in facts]
    trees = [merkle.head_leaf(head) for head in heads]
    covered = block.number <= len(heads)
    return {
        "sequence": sequence,
        "hash": digest.hex(),
        "index": index,
        "path": [it.hex() for it in merkle.path(leaves, index)],
        "block": block.text(),
        "block_path": (
            [it.hex() for it in merkle.path(trees, block.number - 1)] if covered else None
        ),
        "checkpoint": note if covered else None,
    }


def faults(found: Mapping[str, Any], key: PublicKey | None) -> Iterator[str]:
    """What the proof does not show. Without a key, or before a checkpoint covers the block, it shows
    no more than that the fact is in the block."""
    try:
        block = header.parsed(found["block"])
        leaf = merkle.fact_leaf(int(found["sequence"]), bytes.fromhex(found["hash"]))
        siblings = [bytes.fromhex(it) for it in found["path"]]
        reached = merkle.root_by(
            leaf, index=int(found["index"]), size=block.count, siblings=siblings
        )
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        yield f"this is no proof of ours ({type(error).__name__}: {error})"
        return
    if reached != block.root:
        yield "the fact is not in the block"
    if key is None:
        return
    if not found.get("checkpoint"):
        yield "no checkpoint covers the block yet"
        return
    try:
        signed = opened(found["checkpoint"], key)
    except NotACheckpoint as fault:
        yield str(fault)
        return
    above = [bytes.fromhex(it) for it in found["block_path"] or ()]
    leaf = merkle.head_leaf(block.head())
    index = block.number - 1
    if merkle.root_by(leaf, index=index, size=signed.blocks, siblings=above) != signed.root:
        yield "the block is not in the log that was signed"
