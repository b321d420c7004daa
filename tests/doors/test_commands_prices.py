"""Prices at a terminal: sources, rules, observations from a file, windows, corrections, surfaces."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from clearing import models, selectors
from clearing.domain import clock
from clearing.services import pricing, timekeeping
from tests.builders import CALL, CAUSE, a_house, a_price_set, after
from tests.quotes import a_board, admit, report

pytestmark = pytest.mark.django_db
NOON = after(hours=1)
DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "deribit"
HEADER = "subject,at,bid,ask,mark,last,vol,depth"


def run(name: str, *arguments: object) -> str:
    said = StringIO()
    call_command(name, *map(str, arguments), stdout=said, stderr=said)
    return said.getvalue()


@pytest.fixture
def house_open():
    a_house()
    timekeeping.advance(NOON, cause=CAUSE)


def a_file(folder: Path, *rows: str) -> Path:
    path = folder / "quotes.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def a_row(subject: str = "index BTC", mark: str = "90000", vol: str = "") -> str:
    return f"{subject},{clock.text(NOON)},,,{mark},,{vol},"


def test_sources_are_admitted_suspended_and_resumed(house_open):
    admitted = (
        "XONE",
        "--kind",
        "vendor",
        "--weight",
        2,
        "--quotes",
        "BTC,ETH",
        "--reporter",
        "XONE",
    )

    assert run("admit_source", *admitted) == "XONE is admitted\n"
    assert run("admit_source", *admitted) == "XONE was admitted already\n"
    assert run("suspend_source", "XONE", "--reason", "a drill") == "XONE is not heard\n"
    assert run("suspend_source", "XONE", "--reason", "a drill") == "XONE was suspended already\n"
    assert run("resume_source", "XONE", "--reason", "over") == "XONE is heard again\n"
    found = selectors.price_sources()["XONE"]
    assert (found.kind, found.weight, found.quotes) == ("vendor", 2, ("BTC", "ETH"))
    with pytest.raises(CommandError, match="source-already-admitted source"):
        run("admit_source", "XONE")
    with pytest.raises(CommandError, match="source-unknown source"):
        run("resume_source", "XNONE", "--reason", "none")


def test_the_policy_is_set_from_a_file_and_printed(house_open, tmp_path):
    path = tmp_path / "policy.json"
    path.write_text(json.dumps({"quorum_index": 3, "outlier_band": "0.02", "pegged": "USDC"}))

    assert run("set_price_policy", path) == "price policy set\n"
    assert run("set_price_policy", path) == "price policy was in force already\n"
    assert json.loads(run("set_price_policy"))["quorum_index"] == 3
    path.write_text(json.dumps({"quorum_index": 0}))
    with pytest.raises(CommandError, match="price-policy-not-valid quorum_index"):
        run("set_price_policy", path)


def test_a_file_of_observations_becomes_a_sealed_set(house_open, tmp_path):
    admit()
    rows = [a_row(), a_row(f"quote {CALL}", "0.0123", "0.5"), a_row("quote BTC-PERP", "90001")]
    path = a_file(tmp_path, *rows, "index BTC,yesterday,,,1,,,", "BTC,x", a_row("price BTC"))

    said = run("observe", path, "--source", "XONE")

    assert "kept, 3 observations" in said
    assert "quotes.csv:5 index BTC time-not-valid at" in said
    assert "quotes.csv:6" in said
    assert "quotes.csv:7 price BTC observation-refused subject" in said
    assert "known, 3 observations" in run("observe", path, "--source", "XONE")
    with pytest.raises(CommandError, match="rows were refused"):
        run("observe", path, "--source", "XONE", "--strict")
    run("observe", a_file(tmp_path, *rows[:1], rows[2]), "--source", "XTWO")
    sealed = run("seal_prices")
    assert "sealed 1 quotes" in sealed
    assert f"quote {CALL} - unsupported" in sealed
    assert "nothing to close" in run("seal_prices")
    shown = run("show_prices", "--quotes")
    assert "BTC 90000" in shown
    assert "BTC-PERP 90001" in shown
    assert "source XTHR: venue 1 * active" in shown
    assert "not heard" in shown


def test_a_window_without_a_quorum_ends_the_command_in_failure(house_open):
    admit()
    report("XONE", a_board(at=NOON))

    with pytest.raises(CommandError, match="no index has a quorum: BTC 1 of 2 sources"):
        run("seal_prices")
    assert selectors.deferred_since() is not None


def test_files_that_hold_nothing_are_refused(house_open, tmp_path):
    admit()

    with pytest.raises(CommandError, match="no observation in it"):
        run("observe", a_file(tmp_path), "--source", "XONE")
    with pytest.raises(CommandError, match="source-unknown"):
        run("observe", a_file(tmp_path, a_row()), "--source", "XNONE")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match="layout-unknown"):
        run("observe", wrong, "--source", "XONE")


def test_a_wrong_set_is_corrected_and_both_are_shown(house_open):
    sequence = pricing.seal(a_price_set(), cause=CAUSE)

    said = run(
        *("correct_prices", "latest", "--index", "BTC=89000", "--quote", f"{CALL}=0.011:0.49"),
        *("--reason", "a typo"),
    )

    assert f"of event {sequence}" in said
    shown = run("show_prices", "latest")
    assert f"corrects {sequence}: a typo" in shown
    assert "BTC 89000" in shown
    assert "BTC 90000" in run("show_prices", sequence)
    assert selectors.latest_prices().prices.quote(CALL).vol == "0.49"
    for arguments, code in (
        (("--index", "DOGE=1"), "price-missing index"),
        (("--index", "BTC=0"), "price-refused index"),
        ((), "say what is corrected"),
    ):
        with pytest.raises(CommandError, match=code):
            run("correct_prices", "latest", *arguments, "--reason", "x")
    with pytest.raises(CommandError, match="corrected-already"):
        run("correct_prices", sequence, "--index", "BTC=88000", "--reason", "x")
    with pytest.raises(CommandError, match="not-found"):
        run("show_prices", "0123456789ab")


def test_a_real_chains_surface_is_printed_and_drawn(tmp_path):
    path = DATA / "chain_btc_2020-05-21.csv"
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    page = tmp_path / "smiles.html"

    said = run("surface", path, "--html", page)

    lines = said.splitlines()
    assert lines[0] == "snapshot of 2020-05-21 23:22:35Z, 326 rows"
    assert sum(line.startswith("2020-") or line.startswith("2021-") for line in lines) == 7
    assert "arbitrage: none found" in said
    assert "133 fitted" in said
    drawn = page.read_text()
    assert drawn.count("<svg class=") == 7
    assert "<script" not in drawn
    with pytest.raises(CommandError, match="no snapshot by then"):
        run("surface", path, "--at", "2019-01-01")


def test_a_sealed_sets_surface_is_printed(house_open):
    sequence = pricing.seal(a_price_set(), cause=CAUSE)

    said = run("surface", sequence)

    assert "2026-01-30 08:00" in said
    assert " flat" in said, "two strikes make no smile, and it is said"
    with pytest.raises(CommandError, match="not-found"):
        run("surface", "0123456789ab")
    assert models.PriceSet.objects.count() == 1, "nothing is recorded"
