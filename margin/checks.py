"""Checks of margin for `manage.py verify`: what a fact names exists, and is what it was."""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import Any

from clearing.services.evidence import RESTORE, facts
from clearing.services.findings import Check, Look, rows
from clearing.store import Recorded
from margin import models
from margin.domain.events import CallFact, ParametersActivated, RunCompleted
from margin.domain.results import HASHED, result_hash

BATCH = 1_000


def runs(look: Look) -> None:
    """A run's fact says what its row says, and its hash is that of its results, one an account."""
    completed, found = 0, facts(RunCompleted)
    while batch := list(islice(found, BATCH)):
        _runs_of(batch, look)
        completed += len(batch)
        look.saw(len(batch))
    kept = models.Run.objects.filter(completed=True).count()
    if kept != completed:
        look.found("runs", f"{kept} are completed, {completed} were recorded as completed")


def _runs_of(batch: list[Recorded], look: Look) -> None:
    names = [it.fact.run_id for it in batch]
    kept = models.Run.objects.filter(completed=True).in_bulk(names)
    results = {run_id: tuple(found) for run_id, *found in rows(_RESULTS, [names])}
    for it in batch:
        fact = it.fact
        if results.get(fact.run_id, _NONE) != (fact.accounts, fact.unpriced, fact.result_hash):
            look.found(f"run {fact.run_id}", "its results are not those that were recorded")
        row = kept.get(fact.run_id)
        if row is None or any(getattr(row, name) != getattr(fact, name) for name in _PINS):
            look.found(f"run {fact.run_id}", "its row is not what was recorded")


def requirements(look: Look) -> None:
    """A result belongs to a run, and has the hash of what it says."""
    results = models.Requirement.objects.order_by("id")
    for fields in results.values("id", "run_id", "result_hash", *HASHED).iterator(BATCH):
        look.saw()
        if result_hash(fields) != fields["result_hash"]:
            where = f"run {fields['run_id']}, account {fields['account']}"
            look.found(where, "is not the result that was written")
    for run_id, count in rows(_STRAY):
        look.found(f"run {run_id}", f"has {count} results and does not exist")


def calls(look: Look) -> None:
    """A call rests on runs that were completed before it."""
    found = facts(*CallFact.__args__)
    while batch := list(islice(found, BATCH)):
        look.saw(len(batch))
        named = {it.fact.run_id for it in batch if hasattr(it.fact, "run_id")}
        there = models.Run.objects.filter(completed=True).in_bulk(named)
        for it in batch:
            run_id: Any = getattr(it.fact, "run_id", None)
            if run_id is not None and run_id not in there:
                look.found(f"call {it.fact.call_id}", f"rests on run {run_id}, which is not there")


def parameter_bodies(look: Look) -> None:
    """A parameter set's content has the hash it is named by, and its fact; and no fact lacks it."""
    named = {it.fact.parameter_set for it in facts(ParametersActivated)}
    for name, body in models.ParameterBody.objects.order_by("name").values_list("name", "body"):
        look.saw()
        if hashlib.sha256(body.encode()).hexdigest() != name:
            look.found(f"parameter set {name}", "is not the content that was activated")
        if name not in named:
            look.found(f"parameter set {name}", "was activated by no fact")
        named.discard(name)
    for name in sorted(named):
        look.found(f"parameter set {name}", "was activated, but its content is gone")


_PINS = ("kind", "price_set", "price_sequence", "parameter_set", "accounts", "unpriced")
_NONE = (0, 0, hashlib.sha256(b"").hexdigest())
_RESULTS = """
    SELECT run_id, count(*), count(*) FILTER (WHERE reason <> ''),
           encode(sha256(convert_to(string_agg(result_hash, '' ORDER BY account), 'UTF8')), 'hex')
    FROM margin_requirement WHERE run_id = ANY (%s) GROUP BY run_id
"""
_STRAY = """
    SELECT result.run_id, count(*)
    FROM margin_requirement AS result LEFT JOIN margin_run AS run USING (run_id)
    WHERE run.run_id IS NULL GROUP BY result.run_id ORDER BY result.run_id
"""

CHECKS = (
    Check("margin runs", RESTORE, runs),
    Check("margin results", RESTORE, requirements),
    Check("margin calls", RESTORE, calls),
    Check("parameter sets", RESTORE, parameter_bodies),
)
