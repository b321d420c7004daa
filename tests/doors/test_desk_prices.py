"""Prices at the desk: what stands, what was not heard, smiles, sources, and missed windows."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from itertools import islice

import pytest
from django.urls import reverse

from clearing import selectors
from clearing.domain.prices import Quote
from clearing.services import pricing, quorum, reference, timekeeping
from config import health
from config.story import market
from tests.browser.scene import logged_in
from tests.builders import CAUSE, a_house, a_price_set, after
from tests.quotes import SOURCES, a_board, admit, report

pytestmark = pytest.mark.django_db
NOON = after(hours=1)


def page(client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_a_sets_page_shows_what_it_was_made_of_and_what_was_not_heard(client):
    a_house()
    admit()
    timekeeping.advance(NOON, cause=CAUSE)
    for name, index in zip(SOURCES, ("90000", "90010", "0"), strict=True):
        report(name, a_board(at=NOON, but={"index BTC": {"mark": index}}))
    closed = quorum.seal_window(cause=CAUSE)
    logged_in(client)

    shown = page(client, reverse("desk-prices", args=[closed.sequence]))

    assert '<span data-field="rejected">1</span>' in shown
    assert "<td>index BTC</td><td>XTHR</td><td>zero</td>" in shown
    assert 'data-field="index-BTC">90005<' in shown
    assert "XONE: venue 1 * active" in shown
    record = page(client, reverse("admin:clearing_priceset_change", args=[closed.sequence]))
    assert reverse("desk-prices", args=[closed.sequence]) in record


def test_a_corrected_sets_page_leads_to_the_one_that_stands(client):
    a_house()
    sequence = pricing.seal(a_price_set(), cause=CAUSE)
    fixed = pricing.patched(sequence, indices={"BTC": "89000"}, forwards={}, quotes={})
    stands = pricing.correct(sequence, fixed, reason="a <b>typo</b>", cause=CAUSE)
    logged_in(client)

    shown = page(client, reverse("desk-prices", args=[sequence]))

    assert 'data-field="corrected"' in shown
    assert reverse("desk-prices", args=[stands]) in shown
    assert "a &lt;b&gt;typo&lt;/b&gt;" in shown
    assert 'data-field="corrected"' not in page(client, reverse("desk-prices", args=[stands]))
    assert client.get(reverse("desk-prices", args=[1])).status_code == 404


def test_smiles_are_drawn_and_free_money_is_marked(client):
    """The simulated market's chain, once as it is and once with a later expiry far too calm."""
    a_house()
    first, second = islice(market.snapshots(seed=1, fall=Decimal(0)), 2)
    timekeeping.advance(first.prices.at, cause=CAUSE)
    reference.list_instruments(first.terms, at=first.prices.at, cause=CAUSE)
    good = pricing.seal(first.prices, cause=CAUSE)
    calm = {
        symbol: Quote(quote.mark, "0.05")
        for symbol, quote in second.prices.quotes.items()
        if quote.vol and symbol.startswith("BTC-3APR26")
    }
    wrong = replace(second.prices, quotes={**second.prices.quotes, **calm})
    bad = pricing.seal(wrong, cause=CAUSE)
    logged_in(client)

    shown = page(client, reverse("desk-prices", args=[good]))
    assert shown.count('class="smile"') == 6
    assert 'class="fault"' not in shown
    assert "No smile crosses a later one" in shown
    shown = page(client, reverse("desk-prices", args=[bad]))
    assert re.search(r"calendar 2026-\d\d-\d\d to 2026-\d\d-\d\d at \d", shown)
    assert 'class="fault"' in shown


def test_a_missed_quorum_stands_first_on_the_front_page_and_the_doctor_names_it(client):
    a_house()
    admit()
    timekeeping.advance(NOON, cause=CAUSE)
    report("XONE", a_board(at=NOON))
    assert not health.price_windows().failed
    closed = quorum.seal_window(cause=CAUSE)
    logged_in(client)

    front = page(client, reverse("admin:index"))

    assert "No price set could be sealed since 2026-01-01 01:00:00" in front
    assert health.price_windows().failed
    missed = page(client, reverse("admin:clearing_pricedeferral_change", args=[closed.sequence]))
    assert "no-quorum" in missed
    assert "1 of 2 sources" in missed
    batch = selectors.batches_between(after=NOON, up_to=NOON)[0]
    assert batch.name[:12] in page(client, reverse("admin:clearing_observationbatch_changelist"))


def test_an_officer_suspends_and_resumes_a_source_and_says_why(client):
    a_house()
    admit()
    logged_in(client)
    order = reverse("admin:clearing_pricesource_suspend", args=["XONE"])

    assert client.post(order, {"reason": ""}).status_code == 200
    assert not selectors.price_sources()["XONE"].suspended
    assert client.post(order, {"reason": "it drifts"}).status_code == 302
    assert selectors.price_sources()["XONE"].suspended
    back = reverse("admin:clearing_pricesource_resume", args=["XONE"])
    assert client.post(back, {"reason": "it is back"}).status_code == 302
    assert not selectors.price_sources()["XONE"].suspended
    page(client, reverse("admin:clearing_pricerules_change", args=[1]))
