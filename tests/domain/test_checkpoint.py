"""Signed notes: what the format promises, and what it refuses."""

from __future__ import annotations

import base64
import hashlib

import pytest

from clearing.domain.evidence import __main__ as offline
from clearing.domain.evidence import archive, checkpoint, merkle
from clearing.domain.evidence.archive import Archive
from clearing.domain.evidence.checkpoint import Checkpoint, NotACheckpoint
from tests.domain.test_merkle import a_header

KEY = checkpoint.new_key("surety.test/log")


def a_checkpoint(**but) -> Checkpoint:
    usual = {
        "origin": KEY.name,
        "blocks": 3,
        "root": bytes(32),
        "last": 20,
        "facts": 16,
        "head": bytes([9]) * 32,
        "epoch": "7/1",
        "at": "2026-01-01T00:00:00.000000Z",
    }
    return Checkpoint(**(usual | but))


def test_what_was_signed_is_read_back():
    assert checkpoint.opened(KEY.sign(a_checkpoint()), KEY.public()) == a_checkpoint()


def test_the_note_is_a_c2sp_signed_note():
    """Key id and signature line by the specification, checked without our own reading code."""
    text, _, signature = KEY.sign(a_checkpoint()).partition("\n\n")
    dash, name, spelled = signature.rstrip("\n").split(" ")
    raw = base64.b64decode(spelled)

    assert text.split("\n")[:3] == [KEY.name, "3", base64.b64encode(bytes(32)).decode()]
    assert (dash, name) == ("\u2014", KEY.name)
    assert raw[:4] == hashlib.sha256(f"{KEY.name}\n\x01".encode() + KEY.public().raw).digest()[:4]
    assert len(raw) == 68


@pytest.mark.parametrize("place", range(0, 200, 7))
def test_any_changed_letter_is_noticed(place):
    note = KEY.sign(a_checkpoint())
    letter = "A" if note[place] != "A" else "B"

    with pytest.raises(NotACheckpoint):
        checkpoint.opened(note[:place] + letter + note[place + 1 :], KEY.public())


def test_another_key_of_the_same_name_is_not_ours():
    with pytest.raises(NotACheckpoint, match="not signed by"):
        checkpoint.opened(KEY.sign(a_checkpoint()), checkpoint.new_key(KEY.name).public())


def test_keys_are_read_back_from_their_texts():
    assert checkpoint.signing_key(KEY.text() + "\n") == KEY
    assert checkpoint.public_key(KEY.public().text()) == KEY.public()
    for text in ("", "x", KEY.public().text()[:-4] + "AAA=", KEY.public().text().replace("+", "-")):
        with pytest.raises(NotACheckpoint):
            checkpoint.public_key(text)


def an_archive() -> Archive:
    facts = tuple((number, bytes([number]) * 32) for number in (1, 2, 4, 5))
    first = a_header(
        number=1,
        previous=bytes(32),
        count=2,
        last=2,
        root=merkle.root([merkle.fact_leaf(*it) for it in facts[:2]]),
    )
    second = a_header(
        number=2,
        previous=first.head(),
        count=2,
        last=5,
        root=merkle.root([merkle.fact_leaf(*it) for it in facts[2:]]),
    )
    heads = [merkle.head_leaf(it.head()) for it in (first, second)]
    note = KEY.sign(a_checkpoint(blocks=2, root=merkle.root(heads), last=5, head=second.head()))
    return Archive(note=note, headers=(first, second), facts=facts)


def test_an_archive_is_checked_without_the_house(tmp_path, capsys):
    file = tmp_path / "checkpoint"
    file.write_text(archive.written(an_archive()))

    assert offline.main(["archive", str(file), "--key", KEY.public().text()]) == 0
    assert offline.main(["extends", str(file), str(file), "--key", KEY.public().text()]) == 0

    file.write_text(file.read_text().replace("fact 4 04", "fact 4 05"))
    assert offline.main(["archive", str(file), "--key", KEY.public().text()]) == 1
    assert "facts of block 2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"count":2', '"count":3', "not those that were signed"),
        ('"epoch":"7/1"', '"epoch":"7/2"', "not those that were signed"),
        ('"number":2', '"number":3', "does not follow"),
        ("block {", "blocks {", "no line of an archive"),
    ],
)
def test_a_changed_line_of_an_archive_is_noticed(tmp_path, capsys, old, new, says):
    text = archive.written(an_archive())
    file = tmp_path / "checkpoint"
    file.write_text(text.replace(old, new))

    assert offline.main(["archive", str(file), "--key", KEY.public().text()]) == 1
    assert says in capsys.readouterr().err


def test_sequences_are_named_in_runs():
    assert archive.said({1, 2, 3, 7, 9, 10}) == "1-3, 7, 9-10"
