"""Each guarantee names tests, and each test it names is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (TESTS / "faults" / "GUARANTEES.md").read_text().splitlines()
    if re.match(r"\| (?:G?\d+ )?\|", line) and "| Tests |" not in line
]
NAMED = sorted({it for row in ROWS for it in re.findall(r"`([a-z_/]+\.py::\w+)`", row[2])})
PRINTED = {"G20"}  # a comparison for people


def test_every_guarantee_and_fault_has_a_row():
    numbers = [row[0] for row in ROWS if row[0]]

    assert numbers == [f"G{n}" for n in range(1, 21)] + ["1", "4", "6", "7", "8", "17", "18", "19"]
    assert len(ROWS) == len(numbers) + 3


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0] or row[1])
def test_a_guarantee_names_tests(row: list[str]):
    assert len(row) == 4
    assert ("::" in row[2]) is (row[0] not in PRINTED)


@pytest.mark.parametrize("named", NAMED)
def test_a_named_test_exists(named: str):
    path, _, name = named.partition("::")
    tree = ast.parse((TESTS / path).read_text())

    assert name in {it.name for it in tree.body if isinstance(it, ast.FunctionDef)}
