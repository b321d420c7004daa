"""Checks of prices for `manage.py verify`: what was said is as it came, a set follows from it again,
and what was not heard is what the set says it was."""

from __future__ import annotations

from clearing import models, selectors
from clearing.domain import observations, prices, quorum
from clearing.domain.rejections import hash_of
from clearing.services.evidence import RESTORE
from clearing.services.findings import UNREADABLE, Check, Look, streamed


def batches(look: Look) -> None:
    """A batch has the hash it is named by."""
    for name, body in streamed(_BATCHES):
        look.saw()
        if observations.name_of(body) != name:
            look.found(f"batch {name}", "is not what was reported")


def made_again(look: Look) -> None:
    """Every set of several sources, made again from the batches it names."""
    for name, body in streamed(_MADE):
        look.saw()
        try:
            found = prices.read(body)
            _check_made(found, name, look)
        except UNREADABLE:
            look.found(f"price set {name}", "its content cannot be read")


def _check_made(found: prices.PriceSet, name: str, look: Look) -> None:
    assert found.made_of is not None
    said = selectors.batches_named(found.made_of.batches)
    if {it.name for it in said} != set(found.made_of.batches):
        look.found(f"price set {name}", "was made of batches that are gone")
        return
    if hash_of(selectors.rejections(name)) != found.made_of.rejections:
        look.found(f"price set {name}", "its rejections are not those it was sealed with")
    outcome = quorum.made_again(found, said, instruments=selectors.instruments())
    if outcome.prices != found:
        look.found(f"price set {name}", "does not follow from what its sources said")


def deferred(look: Look) -> None:
    """As many rejections as the deferral says."""
    for row in models.PriceDeferral.objects.order_by("sequence").iterator():
        look.saw()
        if selectors.rejection_rows(row.evidence).count() != row.rejected:
            look.found(f"fact {row.sequence}", "its rejections are not those it was deferred with")


_BATCHES = "SELECT name, body FROM clearing_observationbatch ORDER BY name"
_MADE = """
    SELECT name, body FROM clearing_pricebody WHERE strpos(body, '"made_of":{') > 0 ORDER BY name
"""

CHECKS = (
    Check("observations", RESTORE, batches),
    Check("price sets made again", RESTORE, made_again),
    Check("deferred windows", RESTORE, deferred),
)
