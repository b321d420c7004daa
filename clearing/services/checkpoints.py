"""Checkpoints: issued, exported, and held against the log as it is now."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from clearing.domain import clock
from clearing.domain.errors import Refusal
from clearing.domain.evidence import archive, checkpoint, merkle
from clearing.domain.evidence.archive import Archive
from clearing.domain.evidence.checkpoint import Checkpoint, NotACheckpoint, PublicKey, SigningKey
from clearing.domain.evidence.header import GENESIS, Header
from clearing.selectors.blocks import sealed_blocks
from clearing.services.findings import FOREVER, Look, rows

EXAMPLES = 20


class CheckpointKeyMissing(Refusal):
    code = "checkpoint-key-missing"
    says = "There is no key to sign checkpoints with."
    remedy = (
        "Make one with manage.py checkpoint --make-key, or name its file in SURETY_CHECKPOINT_KEY."
    )


class CheckpointKeyExists(Refusal):
    code = "checkpoint-key-exists"
    says = "There is a key already, and whoever checks our checkpoints knows it."
    remedy = "Name another file in SURETY_CHECKPOINT_KEY for a new one."


class NothingSealed(Refusal):
    code = "nothing-sealed"
    says = "The log has no sealed block yet, so there is nothing to sign."
    remedy = "Wait for the sealer, or run it: manage.py seal."


class CheckpointNotValid(Refusal):
    code = "checkpoint-not-valid"
    says = "The file holds no checkpoint that can be checked."


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    block: int
    note: str
    key: str
    issued_at: datetime


# --- keys -------------------------------------------------------------------------------------


def make_key(name: str) -> PublicKey:
    """A new key in the configured file, readable by its owner alone; the public one beside it.

    Raises CheckpointKeyExists, CheckpointNotValid.
    """
    path = key_file()
    if path.exists():
        raise CheckpointKeyExists(field="key", file=str(path))
    try:
        key = checkpoint.new_key(name)
    except NotACheckpoint as fault:
        raise CheckpointNotValid(field="name", why=str(fault)) from None
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(key.text() + "\n")
    _public_file().write_text(key.public().text() + "\n")
    return key.public()


def key_file() -> Path:
    return Path(settings.SURETY_CHECKPOINT_KEY)


def _public_file() -> Path:
    return key_file().with_name(key_file().name + ".pub")


def signing_key() -> SigningKey:
    """Raises CheckpointKeyMissing, CheckpointNotValid."""
    try:
        return checkpoint.signing_key(key_file().read_text())
    except OSError:
        raise CheckpointKeyMissing(field="key", file=str(key_file())) from None
    except NotACheckpoint as fault:
        raise CheckpointNotValid(field="key", why=str(fault)) from None


def known_key(given: str = "") -> PublicKey:
    """The public key as text or file; without either, the house's own.

    Raises CheckpointKeyMissing, CheckpointNotValid.
    """
    path = Path(given) if given else _public_file()
    try:
        text = path.read_text() if not given or path.is_file() else given
        return checkpoint.public_key(text)
    except OSError:
        raise CheckpointKeyMissing(field="key", file=str(path)) from None
    except NotACheckpoint as fault:
        raise CheckpointNotValid(field="key", why=str(fault)) from None


# --- issue and export -------------------------------------------------------------------------


def issue() -> Issued:
    """Sign the log up to its last block and keep what was signed; the same again for the same block.

    Raises CheckpointKeyMissing, CheckpointNotValid, NothingSealed.
    """
    key = signing_key()
    with transaction.atomic():
        blocks = rows(_HEADS, [FOREVER])
        if not blocks:
            raise NothingSealed()
        number, last, head, epoch = blocks[-1][:4]
        ((facts, now),) = rows(_FACTS_AND_NOW, [number])
        note = key.sign(
            Checkpoint(
                origin=key.name,
                blocks=number,
                root=merkle.root([merkle.head_leaf(bytes(it[2])) for it in blocks]),
                last=last,
                facts=int(facts),
                head=bytes(head),
                epoch=epoch or "-",
                at=clock.text(now),
            )
        )
        with connection.cursor() as cursor:
            cursor.execute(_KEEP, [number, note, key.public().text(), now])
        ((block, note, public, at),) = rows(_KEPT, [number])
    return Issued(block=block, note=note, key=public, issued_at=at)


def issue_if_possible() -> Issued | None:
    """What the pulse does: nothing where there is no key, or nothing to sign."""
    try:
        return issue()
    except (CheckpointKeyMissing, NothingSealed):
        return None


def export(issued: Issued, *, facts: bool = False) -> str:
    """The note with the header of every block it covers; with `facts`, every fact's hash too."""
    headers, previous = [], GENESIS
    for it in sealed_blocks(0, issued.block):
        header = it.header if it.header.format > 1 else replace(it.header, previous=previous)
        headers.append(header)
        previous = it.head
    found = rows(_FACTS, [0, headers[-1].last]) if facts else []
    return archive.written(
        Archive(
            note=issued.note,
            headers=tuple(headers),
            facts=tuple((sequence, bytes(digest)) for sequence, digest in found),
        )
    )


# --- hold against -----------------------------------------------------------------------------


def opened(text: str, key: PublicKey) -> Archive:
    """An archive that holds in itself. Raises CheckpointNotValid."""
    try:
        it = archive.parsed(text)
    except NotACheckpoint as error:
        raise CheckpointNotValid(field="file", why=str(error)) from None
    for fault in archive.faults(it, key):
        raise CheckpointNotValid(field="file", why=fault)
    return it


def against(look: Look, it: Archive) -> None:
    """Whether the log still holds exactly what was signed; and if not, which facts it lacks."""
    signed = checkpoint.unsigned(checkpoint.read(it.note)[0])
    where = f"checkpoint {signed.blocks} of {signed.at}"
    ours = [bytes(row[2]) for row in rows(_HEADS, [signed.blocks])]
    look.saw(signed.facts)
    ((last, facts),) = rows(_OURS)
    if last < signed.last:
        look.found(
            where,
            f"the log ends at block {len(ours)}, sequence {last}; {signed.blocks} blocks up to"
            f" sequence {signed.last} were signed in epoch {signed.epoch}: facts past sequence"
            f" {last} are missing, {max(signed.facts - int(facts), 0)} of them",
        )
    elif (
        len(ours) < signed.blocks
        or merkle.root([merkle.head_leaf(head) for head in ours]) != signed.root
    ):
        look.found(where, "the blocks are not those that were signed: history was written again")
    if it.headers:
        _block_by_block(look, it, ours)
    elif look.findings:
        look.found(where, "it was exported without headers, which would say which facts")


def _block_by_block(look: Look, it: Archive, ours: list[bytes]) -> None:
    hashes, after = dict(it.facts), 0
    for place, header in enumerate(it.headers):
        since, after = after, header.last
        if place < len(ours) and ours[place] == header.head():
            continue  # and so is every fact in it, as far as the other checks find nothing
        found = {sequence: bytes(digest) for sequence, digest in rows(_FACTS, [since, header.last])}
        leaves = [merkle.fact_leaf(*fact) for fact in sorted(found.items())]
        if merkle.root(leaves) == header.root:
            continue
        _fact_by_fact(look, header, found, hashes)


def _fact_by_fact(
    look: Look, header: Header, found: dict[int, bytes], hashes: dict[int, bytes]
) -> None:
    where = f"block {header.number} (sequences {header.first} to {header.last})"
    signed = archive.sequences_of(header)
    if header.format == 1 and hashes:
        signed = {each for each in hashes if header.first <= each <= header.last}
    missing, slipped_in = signed - found.keys(), found.keys() - signed
    changed = {
        each for each in signed & found.keys() if hashes.get(each, found[each]) != found[each]
    }
    if missing:
        look.found(where, f"missing: {archive.said(missing)}")
    if slipped_in:
        look.found(where, f"were not there when it was signed: {archive.said(slipped_in)}")
    if changed:
        look.found(where, f"changed since it was signed: {archive.said(changed)}")
    elif not hashes and signed & found.keys():
        look.found(where, "facts were changed or replaced; an export with --facts says which")


_HEADS = """
    SELECT number, last, head, epoch FROM clearing_block WHERE number <= %s ORDER BY number
"""
_FACTS_AND_NOW = """
    SELECT sum(count), clock_timestamp() FROM clearing_block WHERE number <= %s
"""
_KEEP = """
    INSERT INTO clearing_checkpoint (block, note, key, issued_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (block) DO NOTHING
"""
_KEPT = "SELECT block, note, key, issued_at FROM clearing_checkpoint WHERE block = %s"
_FACTS = """
    SELECT sequence, hash FROM clearing_event WHERE sequence > %s AND sequence <= %s
    ORDER BY sequence
"""
_OURS = "SELECT coalesce(max(last), 0), coalesce(sum(count), 0) FROM clearing_block"
