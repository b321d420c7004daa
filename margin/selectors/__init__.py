"""Questions about margin, and the border where integers become arrays."""

from margin.selectors.calling import (
    call,
    calls,
    calls_of,
    due_calls,
    next_due,
    open_calls,
    to_decide,
    visible_call,
)
from margin.selectors.cuts import NO_CUTS, Cuts, conflict, cuts
from margin.selectors.inputs import Arrays, Resolved, arrays, resolved, resolved_aside
from margin.selectors.results import (
    collateral_cuts,
    components,
    last_completed_run_of_all,
    last_run_of_all,
    latest_requirement,
    latest_requirements,
    levels,
    requirement_in,
    requirements,
    requirements_in,
    run,
    runs,
)
from margin.selectors.rules import ParametersMissing, Rules, rules, rules_named
from margin.selectors.surfaces import SetSurface, set_surfaces

__all__ = [
    "NO_CUTS",
    "Arrays",
    "Cuts",
    "ParametersMissing",
    "Resolved",
    "Rules",
    "SetSurface",
    "arrays",
    "call",
    "calls",
    "calls_of",
    "collateral_cuts",
    "components",
    "conflict",
    "cuts",
    "due_calls",
    "last_completed_run_of_all",
    "last_run_of_all",
    "latest_requirement",
    "latest_requirements",
    "levels",
    "next_due",
    "open_calls",
    "requirement_in",
    "requirements",
    "requirements_in",
    "resolved",
    "resolved_aside",
    "rules",
    "rules_named",
    "run",
    "runs",
    "set_surfaces",
    "to_decide",
    "visible_call",
]
