"""A case that traded on a price that turned out wrong: on its page, on the front page, in the API."""

from __future__ import annotations

import pytest

from accounts.services import people
from tests.builders import CAUSE, START, run_due_jobs
from tests.doors.callers import north
from tests.services.breached import the_case
from tests.services.test_corrected_margin import correct, long_one_bitcoin, wrong_set

pytestmark = pytest.mark.django_db


def test_a_flagged_case_says_so_wherever_it_is_shown(client):
    long_one_bitcoin()
    wrong = wrong_set("79000")
    run_due_jobs()
    correct("90000", wrong=wrong)
    run_due_jobs()
    client.force_login(people.create_user("olga", password="correct horse battery"))
    people.grant_role("olga", role="risk-officer", at=START, cause=CAUSE)

    case = the_case()
    page = client.get(f"/admin/house/cases/{case.case_id}/").content.decode()
    front = client.get("/admin/").content.decode()
    answer = north().get(f"/cases/{case.case_id}").json()

    assert case.flagged is not None
    assert f"Flagged for compensation: {case.flagged_because}" in page
    assert f"Case {case.case_id} is flagged for compensation" in page  # in its trail
    assert f'data-flagged="{case.case_id}"' in front
    assert (answer["flagged"], answer["flagged_because"]) == (case.flagged, case.flagged_because)
