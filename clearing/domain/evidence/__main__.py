"""Check exported evidence without the house: no database, no settings, no network.

    python -m clearing.domain.evidence archive FILE --key PUBLIC-KEY
    python -m clearing.domain.evidence proof FILE --key PUBLIC-KEY
    python -m clearing.domain.evidence extends OLD NEW --key PUBLIC-KEY

A public key is the text that `manage.py checkpoint --make-key` printed, or a file that holds it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from clearing.domain.evidence import archive, checkpoint, inclusion, merkle
from clearing.domain.evidence.checkpoint import NotACheckpoint, PublicKey


def main(argv: Sequence[str] | None = None) -> int:
    asked = _arguments().parse_args(argv)
    try:
        key = _key(asked.key)
        match asked.what:
            case "archive":
                found = list(archive.faults(archive.parsed(_text(asked.file)), key))
            case "proof":
                found = list(inclusion.faults(json.loads(_text(asked.file)), key))
            case _:
                found = list(_extends(_text(asked.old), _text(asked.new), key))
    except (NotACheckpoint, OSError, ValueError) as error:
        found = [str(error)]
    for fault in found:
        print(fault, file=sys.stderr)
    if not found:
        print("it holds")
    return 1 if found else 0


def _extends(old: str, new: str, key: PublicKey) -> Iterator[str]:
    """Whether the newer archive, which must hold its headers, begins with the older checkpoint."""
    before = checkpoint.opened(archive.parsed(old).note, key)
    after = archive.parsed(new)
    yield from archive.faults(after, key)
    heads = [merkle.head_leaf(each.head()) for each in after.headers[: before.blocks]]
    if len(heads) < before.blocks:
        yield f"it holds {len(heads)} headers of the {before.blocks} that were signed before"
    elif merkle.root(heads) != before.root:
        yield "it does not begin with what was signed before"


def _key(given: str) -> PublicKey:
    text = Path(given).read_text() if Path(given).is_file() else given
    return checkpoint.public_key(text)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m clearing.domain.evidence", description=(__doc__ or "").split("\n", 1)[0]
    )
    kinds = parser.add_subparsers(dest="what", required=True)
    for name, says, files in (
        ("archive", "an exported checkpoint and all lines below it", ("file",)),
        ("proof", "a proof that one fact stands in the log", ("file",)),
        ("extends", "that a newer archive begins with an older checkpoint", ("old", "new")),
    ):
        kind = kinds.add_parser(name, help=says)
        for file in files:
            kind.add_argument(file, type=Path)
        kind.add_argument("--key", required=True, help="the public key, or a file that holds it")
    return parser


if __name__ == "__main__":
    sys.exit(main())
