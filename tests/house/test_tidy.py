"""House style that a machine can hold us to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("clearing", "accounts", "margin", "liquidation", "config")
LONGEST_MODULE, LONGEST_FUNCTION = 400, 60
BANNED_NAMES = ("utils", "helpers", "common", "manager", "data", "misc")
# Where the wall clock may be read: when a fact is recorded, a lease taken, a run's progress kept,
# or live business time is fed. No decision is among them.
WALL_CLOCK = (
    "config/desk/pages.py",  # a page says how old it is
    "clearing/jobs.py",
    "clearing/sealer.py",
    "clearing/services/timekeeping.py",
    "margin/services/runs.py",
)


def modules() -> Iterator[Path]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


MODULES = list(modules())
pytestmark = pytest.mark.parametrize("path", MODULES, ids=name)


def test_modules_stay_small(path: Path):
    assert len(path.read_text().splitlines()) <= LONGEST_MODULE


def test_functions_fit_a_screen(path: Path):
    long = [
        f"{it.name} ({it.end_lineno - it.lineno + 1})"
        for it in ast.walk(ast.parse(path.read_text()))
        if isinstance(it, ast.FunctionDef | ast.AsyncFunctionDef)
        and it.end_lineno - it.lineno + 1 > LONGEST_FUNCTION
    ]

    assert long == []


def test_names_say_what_lives_in_a_room(path: Path):
    assert path.stem not in BANNED_NAMES
    assert not set(path.parent.relative_to(ROOT).parts) & set(BANNED_NAMES)


def test_nothing_hides_in_signals_or_delays(path: Path):
    text = path.read_text()

    assert not re.search(r"django\.(db\.models\.signals|dispatch)", text), "facts, not signals"
    assert not re.search(r"\.(delay|apply_async)\(", text), "jobs are rows: clearing.jobs.leave"


def test_the_wall_clock_is_read_where_it_may_be(path: Path):
    reads = re.search(r"datetime\.now\(|timezone\.now\(|date\.today\(", path.read_text())

    assert not reads or name(path) in WALL_CLOCK


def test_the_core_has_no_floats_for_money(path: Path):
    if "domain" not in path.parts:
        return
    tree = ast.parse(path.read_text())
    floats = [
        it.lineno
        for it in ast.walk(tree)
        if (isinstance(it, ast.Constant) and isinstance(it.value, float))
        or (isinstance(it, ast.Call) and getattr(it.func, "id", "") == "float")
    ]

    assert floats == []


def test_every_module_says_what_it_is_for(path: Path):
    text = path.read_text().strip()
    exempt = not text or path.name in ("apps.py", "wsgi.py", "urls.py", "__init__.py")

    assert exempt or ast.get_docstring(ast.parse(text))
