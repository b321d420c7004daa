"""The golden corpus: real bytes of every version of every fact ever published.

A line is never changed or removed: those bytes stand in somebody's log. `python -m
tests.golden_facts` adds a line for each published fact that has none yet.
"""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "golden" / "facts.jsonl"
# Fields whose text is itself spelled by a rule (clearing.domain.settlement.Line).
SPELLED = {"lines": '[["vm","BTC-PERP","USDC",5,"90000.5",450,-7,7],["fee","","USDC",2,"",0,-3,0]]'}


def corpus() -> list[dict[str, Any]]:
    """name, payload, what it decodes to (name and fields), and its movements."""
    return [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def described(name: str, payload: str) -> dict[str, Any]:
    from clearing import codec
    from clearing.domain import entries

    fact = codec.decode(name, payload)
    moved = fact.movements() if isinstance(fact, entries.Moves) else ()
    return {
        "name": name,
        "payload": payload,
        "reads_as": [fact.NAME, json.loads(codec.encode(fact))],
        "moves": [[it.to, it.source, it.asset, it.amount] for it in moved],
    }


def a_sample(fact: type) -> Any:
    """Every field told from every other; text that JSON must escape, and a negative number, too."""
    values: dict[str, Any] = {}
    for place, it in enumerate(fields(fact)):
        kind = str(it.type)
        if kind == "bool":
            values[it.name] = bool(place % 2)
        elif kind == "int":
            values[it.name] = -place if place % 3 == 0 else 1_000 + place
        else:
            values[it.name] = SPELLED.get(it.name, f'{it.name} \u00e9 "{place}"')
    return fact(**values)


def main() -> None:
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from clearing import codec

    known = {line["name"] for line in corpus()} if CORPUS.exists() else set()
    with CORPUS.open("a", encoding="utf-8") as file:
        for name, fact in sorted(codec.catalogue().items()):
            if name not in known:
                line = described(name, codec.encode(a_sample(fact)))
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                print(f"added {name}")


if __name__ == "__main__":
    main()
