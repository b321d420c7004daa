"""Facts in words and numbers as pictures: total, exact, well formed."""

from __future__ import annotations

import json
from dataclasses import fields
from xml.etree import ElementTree

import pytest

from clearing import codec
from clearing.store import Recorded
from config.desk import pictures, wording
from config.desk.accounts import moves
from config.desk.pictures import Bar, Point
from config.templatetags.desk import figure, lasting
from margin.domain.calls import Coverage
from tests.builders import CAUSE, START

pytestmark = pytest.mark.django_db  # a wording may look up an instrument's terms


def test_every_published_fact_has_a_wording():
    assert set(wording.SAYS) == set(codec.catalogue().values())


@pytest.mark.parametrize("name", sorted(codec.catalogue()))
def test_a_wording_is_one_line_about_what_the_fact_says(name):
    made_up = {"str": "USDC", "int": 1_500_000, "bool": True}
    special = {
        **dict.fromkeys(("to", "at", "due_at", "expiry_at", "expires_at"), "2026-01-01T00:00:00Z"),
        "lines": "[]",
        "steps": json.dumps([{"symbol": "X", "lots": -3, "price_ticks": 7}]),
    }
    fact = codec.catalogue()[name]
    content = {
        it.name: special[it.name]
        if it.name in special and it.type == "str"
        else made_up[str(it.type)]
        for it in fields(fact)
    }
    recorded = Recorded(
        sequence=1,
        stream="x",
        version=1,
        effective_at=START,
        recorded_at=START,
        cause=CAUSE,
        fact=fact(**content),
    )

    said = wording.Words({"USDC": 6}, asset="USDC").line(recorded)

    assert said
    assert "\n" not in said
    assert said[-1] != "."
    if "amount" in content or "equity" in content:
        assert "1.50 USDC" in said


def test_a_fact_without_words_is_told_by_its_own_name():
    class MoonSettled:
        NAME = "someday.moon-settled.v3"

    recorded = Recorded(
        sequence=1,
        stream="x",
        version=1,
        effective_at=START,
        recorded_at=START,
        cause=CAUSE,
        fact=MoonSettled(),
    )

    assert wording.Words({}).line(recorded) == "moon settled"


def test_amounts_are_spelled_with_the_digits_that_count():
    words = wording.Words({"USDC": 6, "BTC": 8}, asset="USDC")

    assert words.money(1_234_567_890_000) == "1,234,567.89 USDC"
    assert words.money(-615_000, "BTC") == "-0.00615 BTC"
    assert words.money(5, "ETC") == "5 minor units of ETC"


PICTURES = {
    "bars": pictures.bars(
        [Bar(name="up <1>", value=10.0), Bar(name="down", value=-30.0, marked=True)],
        key="v & w",
        title='"quoted" <title>',
        unit="USDC",
    ),
    "no bars": pictures.bars([], key="none", title="none", unit="USDC"),
    "levels": pictures.levels(
        [Point(label="a", equity=1, maintenance=2), Point(label="b", equity=-5, maintenance=2)],
        key="l",
        unit="USDC",
    ),
    "one level": pictures.levels([Point(label="a", equity=0, maintenance=0)], key="l", unit="U"),
    "no level": pictures.levels([], key="l", unit="USDC"),
    "coverage": pictures.coverage(Coverage(equity=-5, maintenance=3, initial=4)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_well_formed_and_can_be_read_aloud(name):
    drawn = ElementTree.fromstring(PICTURES[name])  # noqa: S314 - our own

    assert drawn.get("role") == "img"
    assert any(part.tag.endswith("title") and part.text for part in drawn)


def test_losses_go_left_of_zero_and_the_binding_one_stands_out():
    drawn = ElementTree.fromstring(PICTURES["bars"])  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    gain, loss = drawn.findall(f"{space}g")
    zero = float(drawn.find(f"{space}line").get("x1").rstrip("%"))

    assert float(gain.find(f"{space}rect").get("x").rstrip("%")) == zero
    end = loss.find(f"{space}rect")
    assert float(end.get("x").rstrip("%")) + float(end.get("width").rstrip("%")) == pytest.approx(
        zero, abs=0.02
    )
    assert loss.get("class") == "bar loss marked"
    assert "marked one is down" in drawn.find(f"{space}desc").text


@pytest.mark.parametrize(
    ("equity", "maintenance", "says", "filled"),
    [
        (0, 0, "Nothing must be covered", "100.00%"),
        (-1, 0, "Nothing must be covered", "0.00%"),
        (-1, 100, "Equity is -1.0 % of maintenance", "0.00%"),
        (1_099_999, 1_000_000, "Equity is 109.9 % of maintenance", "73.27%"),
        (75, 100, "Equity is 75.0 % of maintenance", "50.00%"),
        (999, 100, "Equity is 999.0 % of maintenance", "100.00%"),
    ],
)
def test_a_coverage_bar_says_its_share(equity, maintenance, says, filled):
    found = Coverage(equity=equity, maintenance=maintenance, initial=maintenance)

    drawn = pictures.coverage(found)

    assert f"<title>{says}; lines at 80, 100 and 110 %</title>" in drawn
    assert f'class="fill" width="{filled}"' in drawn
    assert f'coverage {found.standing}"' in drawn


@pytest.mark.parametrize(
    "text", ["1234567.890123", "-0.00615000", "0", "12", "-999", "1000", "no price", "<b>"]
)
def test_a_figure_reads_as_the_decimal_it_is(text):
    import re
    from html import unescape

    assert unescape(re.sub(r"</?span[^>]*>", "", figure(text))) == text


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (8, "8 s"),
        (250, "4 min 10 s"),
        (7_500, "2 h 05 min"),
        (200_000, "2 d 7 h"),
        (-61, "−1 min 01 s"),
    ],
)
def test_a_span_is_said_in_two_units(seconds, said):
    from datetime import timedelta

    assert lasting(timedelta(seconds=seconds)) == said


@pytest.mark.parametrize(
    ("scenario", "said"),
    [
        ("0.82/up", "−18 %, vol up"),
        ("1.135/none", "+13.5 %, vol none"),
        ("1/down", "0 %, vol down"),
        ("4/up", "+300 %, vol up"),
        ("1/abs", "0 %, abs"),
        ("basis", "basis"),
    ],
)
def test_a_scenario_is_named_by_its_moves(scenario, said):
    assert moves(scenario) == said
