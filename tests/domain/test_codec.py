"""A fact's bytes are canonical JSON, whatever its texts hold."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum

from hypothesis import given
from hypothesis import strategies as st

from clearing import codec


class Side(StrEnum):
    BOUGHT = "bought"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    title: str
    amount: int
    good: bool
    a_percent: str
    side: str = Side.BOUGHT.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    it: str


def canonical(fact) -> str:
    return json.dumps(asdict(fact), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@given(st.text(), st.integers(), st.booleans(), st.sampled_from(["%s", '"', "\\", "\n", "\x00"]))
def test_a_fact_is_written_as_canonical_json(title, amount, good, awkward):
    fact = Said(title=title, amount=amount, good=good, a_percent=awkward)

    assert codec.encode(fact) == canonical(fact)
    assert codec.encode(Single(it=title + awkward)) == canonical(Single(it=title + awkward))


def test_a_text_of_a_kind_of_its_own_is_written_as_a_text():
    fact = Said(title="", amount=1, good=True, a_percent="", side=Side.BOUGHT)

    assert codec.encode(fact) == canonical(fact)
