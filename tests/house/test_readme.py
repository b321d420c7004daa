"""What the README says can be typed can be typed, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).resolve().parents[2]
READMES = [ROOT / "README.md", *sorted(ROOT.glob("*/README.md"))]
TEXT = "\n".join(path.read_text() for path in READMES)
DECISIONS = sorted(ROOT.glob("*/decisions/*.md"))


def commands() -> list[str]:
    """`manage.py a`, `b` and `c` in a row."""
    found = re.findall(r"manage\.py\s+([a-z_]+)", TEXT)
    row = re.search(r"`manage\.py [a-z_]+`((?:, `[a-z_]+`)+)", TEXT)
    return sorted({*found, *re.findall(r"`([a-z_]+)`", row[1] if row else "")})


@pytest.mark.parametrize("command", commands())
def test_commands_exist_and_explain_themselves(command: str):
    app = get_commands()[command]
    loaded = load_command_class(app, command) if isinstance(app, str) else app

    assert len(loaded.help) > 20
    assert loaded.create_parser("manage.py", command).format_help()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"make ([a-z-]+)", TEXT))))
def test_targets_exist(target: str):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.(?:py|md|json))?)`", TEXT)))
)
def test_files_named_are_there(name: str):
    bases = [ROOT, *(ROOT / app for app in ("clearing", "accounts", "margin", "liquidation"))]

    ignored = name in (ROOT / ".gitignore").read_text().splitlines()
    assert ignored or any((base / name).exists() for base in bases)


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: f"{path.parts[-3]}/{path.name}")
def test_decisions_are_numbered_and_argued(path: Path):
    text = path.read_text()

    assert re.fullmatch(r"\d{4}-[a-z0-9.-]+\.md", path.name)
    assert text.startswith(f"# {path.name[:4]} ")
    assert len(text.split()) > 40
