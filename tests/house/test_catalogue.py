"""A published fact never changes: its name, its fields and their types are a promise."""

from __future__ import annotations

import io
import json
from dataclasses import fields
from pathlib import Path

from django.core.management import call_command

from clearing import codec

PUBLISHED = Path(__file__).with_name("published_events.json")


def test_published_events_are_unchanged():
    now = {
        name: {field.name: str(field.type) for field in fields(event)}
        for name, event in codec.catalogue().items()
    }
    published = json.loads(PUBLISHED.read_text())

    assert {name: now.get(name) for name in published} == published
    assert set(now) == set(published), "publish the new event: add it to the file, once"


def test_the_command_prints_what_is_published():
    said = io.StringIO()

    call_command("event_catalogue", stdout=said)

    assert said.getvalue() == PUBLISHED.read_text()


def test_facts_hold_only_strings_integers_and_booleans():
    published = json.loads(PUBLISHED.read_text())

    assert {kind for event in published.values() for kind in event.values()} <= {
        "str",
        "int",
        "bool",
    }


def test_a_fact_is_the_same_text_after_it_was_read():
    for name, event in codec.catalogue().items():
        values = {"str": 'a "quoted" naïve line', "int": -(2**63), "bool": True}
        fact = event(**{field.name: values[str(field.type)] for field in fields(event)})

        text = codec.encode(fact)

        assert codec.decode(name, text) == fact
        assert codec.encode(codec.decode(name, text)) == text
