"""manage.py check_vectors: what a terminal and a script are told."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from tests.engine.test_check_vectors import a_standard_case


def test_cases_that_are_met_end_in_one_summary_line_and_without_a_code(tmp_path):
    path, out = tmp_path / "cases.json", StringIO()
    path.write_text(json.dumps({"one": a_standard_case()}))

    call_command("check_vectors", str(path), stdout=out)

    *lines, summary = out.getvalue().splitlines()
    assert any("realIM" in line and "relative" in line for line in lines)
    assert summary.startswith("1 cases in 1 files: 1 met, 0 missed")


def test_a_miss_ends_with_exit_code_one(tmp_path):
    path, out = tmp_path / "cases.json", StringIO()
    path.write_text(json.dumps({"one": a_standard_case(realIM=-(10**20))}))

    with pytest.raises(SystemExit) as ended:
        call_command("check_vectors", str(path), stdout=out)

    assert ended.value.code == 1
    assert "0 met, 1 missed" in out.getvalue().splitlines()[-1]


def test_briefly_only_the_levels_and_the_largest_of_the_rest_are_shown(tmp_path):
    path, out = tmp_path / "cases.json", StringIO()
    path.write_text(json.dumps({"one": a_standard_case()}))

    call_command("check_vectors", "--brief", str(path), stdout=out)

    said = out.getvalue()
    assert "realIM" in said
    assert "UnsettledFunding" not in said
    assert "1 more, relative at most" in said


def test_help_names_the_layouts_and_what_fails(capsys):
    with pytest.raises(SystemExit) as ended:
        call_command("check_vectors", "--help")

    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert "standard-manager cases (Derive)" in said
    assert "margin simulation responses (Deribit)" in said
    assert "portfolio-margin cases (Derive PMRM)" in said
    assert "Exit code 1" in said
