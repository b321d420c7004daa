"""Checkpoints: a signed statement of the whole log up to a block, for whoever keeps it outside.

The text is a C2SP checkpoint (https://c2sp.org/tlog-checkpoint) in a C2SP signed note
(https://c2sp.org/signed-note), so that what others use to check transparency logs checks ours:

    <name of the log>
    <how many blocks>
    <root of the tree over all block heads, base64>
    last <sequence of the last fact>
    facts <how many there are>
    head <head of the last block, hex>
    epoch <system identifier/timeline>
    at <when it was issued>

    \u2014 <name> <base64 of four bytes of key id and 64 of Ed25519 signature>

The last five lines of the text are extension lines. A public key is `name+id+key` as there.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ED25519 = b"\x01"
DASH = "\u2014"
_PRIVATE = "PRIVATE+KEY+"


class NotACheckpoint(ValueError):
    """The text is none, or its signature is not by that key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """`blocks` is the size of the tree, `root` its root; the rest describes the last of them."""

    origin: str
    blocks: int
    root: bytes
    last: int
    facts: int
    head: bytes
    epoch: str
    at: str

    def text(self) -> str:
        lines = (
            self.origin,
            str(self.blocks),
            base64.b64encode(self.root).decode(),
            f"last {self.last}",
            f"facts {self.facts}",
            f"head {self.head.hex()}",
            f"epoch {self.epoch}",
            f"at {self.at}",
        )
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True, slots=True)
class PublicKey:
    name: str
    raw: bytes

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.raw).digest()[:4]

    def text(self) -> str:
        spelled = base64.b64encode(ED25519 + self.raw).decode()
        return f"{self.name}+{self.key_id.hex()}+{spelled}"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Keep it where the database's operator cannot read it."""

    name: str
    seed: bytes

    def text(self) -> str:
        spelled = base64.b64encode(ED25519 + self.seed).decode()
        return f"{_PRIVATE}{self.name}+{self.public().key_id.hex()}+{spelled}"

    def public(self) -> PublicKey:
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return PublicKey(self.name, key.public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, checkpoint: Checkpoint) -> str:
        """The signed note."""
        text = checkpoint.text()
        signature = Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())
        spelled = base64.b64encode(self.public().key_id + signature).decode()
        return f"{text}\n{DASH} {self.name} {spelled}\n"


def new_key(name: str) -> SigningKey:
    """Raises NotACheckpoint for a name that could not stand in a note."""
    if not name or any(letter.isspace() or letter == "+" for letter in name):
        raise NotACheckpoint(f"{name!r} cannot name a key: no spaces and no plus signs")
    return SigningKey(name, Ed25519PrivateKey.generate().private_bytes_raw())


def signing_key(text: str) -> SigningKey:
    """Raises NotACheckpoint."""
    if not text.startswith(_PRIVATE):
        raise NotACheckpoint("this is no private key of a signed note")
    name, raw = _key(text.strip().removeprefix(_PRIVATE))
    key = SigningKey(name, raw)
    if key.text() != text.strip():
        raise NotACheckpoint("the private key does not match its own id")
    return key


def public_key(text: str) -> PublicKey:
    """Raises NotACheckpoint."""
    key = PublicKey(*_key(text.strip()))
    if key.text() != text.strip():
        raise NotACheckpoint("the public key does not match its own id")
    return key


def _key(text: str) -> tuple[str, bytes]:
    try:
        name, _, spelled = text.split("+", 2)
        raw = base64.b64decode(spelled, validate=True)
    except (ValueError, binascii.Error):
        raise NotACheckpoint("a key is spelled name+id+base64") from None
    if len(raw) != 33 or raw[:1] != ED25519:
        raise NotACheckpoint("only Ed25519 keys are known here")
    return name, raw[1:]


def opened(note: str, key: PublicKey) -> Checkpoint:
    """What the key signed. Raises NotACheckpoint."""
    text, found = read(note)
    for line in found:
        mark, _, rest = line.partition(" ")
        name, _, spelled = rest.partition(" ")
        if mark != DASH or name != key.name:
            continue
        try:
            raw = base64.b64decode(spelled, validate=True)
            if raw[:4] == key.key_id:
                Ed25519PublicKey.from_public_bytes(key.raw).verify(raw[4:], text.encode())
                return unsigned(text)
        except (InvalidSignature, binascii.Error, ValueError):
            raise NotACheckpoint("the signature is not of this text by this key") from None
    raise NotACheckpoint(f"it is not signed by {key.name} with key {key.key_id.hex()}")


def read(note: str) -> tuple[str, list[str]]:
    """(the text that is signed, the lines of signatures). Raises NotACheckpoint."""
    text, blank, signatures = note.partition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise NotACheckpoint("a signed note is a text, an empty line and signatures")
    return text + "\n", signatures.rstrip("\n").split("\n")


def unsigned(text: str) -> Checkpoint:
    """What the text says, whoever signed it. Raises NotACheckpoint."""
    try:
        origin, blocks, root, *more = text.rstrip("\n").split("\n")
        named = dict(line.split(" ", 1) for line in more)
        found = Checkpoint(
            origin=origin,
            blocks=int(blocks),
            root=base64.b64decode(root, validate=True),
            last=int(named["last"]),
            facts=int(named["facts"]),
            head=bytes.fromhex(named["head"]),
            epoch=named["epoch"],
            at=named["at"],
        )
    except (ValueError, KeyError, binascii.Error):
        raise NotACheckpoint("the text is no checkpoint of this house") from None
    if found.text() != text:
        raise NotACheckpoint("the text is spelled otherwise than a checkpoint is")
    return found
