"""Questions about cases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet

from clearing import selectors as record
from clearing.domain import instrument
from clearing.domain.errors import NotFound
from clearing.domain.instrument import Instrument
from clearing.domain.scope import Scope
from clearing.store import Recorded
from liquidation import models
from liquidation.domain import case as machine
from liquidation.domain import plan
from liquidation.domain.case import Case
from liquidation.domain.events import CaseOpened, PlanMade, PlanVoided, StepExecuted
from margin import selectors as margin
from margin.domain.calls import Coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """How the account stood at some point of its case, in minor units; no target where none was set."""

    equity: int
    maintenance: int
    target: int | None = None

    @property
    def against(self) -> Coverage:
        return Coverage(
            equity=self.equity,
            maintenance=self.maintenance,
            initial=self.target or self.maintenance,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One trade of a plan; `unit` is the asset its price is in."""

    symbol: str
    lots: int
    quantity: Decimal
    price: Decimal
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """A plan with what became of it; nothing has yet where `ended` is None."""

    made: PlanMade
    sequence: int
    ended: StepExecuted | PlanVoided | None
    steps: tuple[StepRow, ...]
    before: Stage
    after: Stage


def case_of(account_id: str) -> Case:
    """The account's latest case; read it after claiming its stream."""
    return machine.replay(it.fact for it in record.stream(f"case-{account_id}"))


def case(case_id: str) -> models.Case:
    """Raises NotFound."""
    found = models.Case.objects.filter(case_id=case_id).first()
    if found is None:
        raise NotFound(field="case_id", case=case_id)
    return found


def cases() -> QuerySet[models.Case]:
    return models.Case.objects.order_by("-sequence")


def open_cases() -> QuerySet[models.Case]:
    return cases().exclude(state="closed")


def flagged_cases() -> QuerySet[models.Case]:
    """Those that traded on prices that turned out wrong, the latest flag first."""
    return models.Case.objects.filter(flagged__isnull=False).order_by("-flagged")


def accounts_with_cases(*, after: int) -> list[str]:
    """Whose cases have moved past a sequence."""
    rows = models.Case.objects.filter(latest__gt=after).order_by("account")
    return list(rows.values_list("account", flat=True).distinct())


def cases_of(account_id: str) -> QuerySet[models.Case]:
    return cases().filter(account=account_id)


def trail(case_id: str) -> list[Recorded]:
    """From the call to the last fact of the case, in order: call, plan, trades, margin, outcome."""
    return record.trail(case(case_id).correlation_id)


def opened(found: Iterable[Recorded]) -> CaseOpened | None:
    """Of a trail, the fact that opened the case."""
    return next((it.fact for it in found if isinstance(it.fact, CaseOpened)), None)


def plans(found: Iterable[Recorded]) -> list[PlanRow]:
    """Of a trail, every plan in order: what it trades, what led to it, and what it should lead to."""
    facts = [(it.sequence, it.fact) for it in found]
    ended = {it.plan: it for _, it in facts if isinstance(it, (StepExecuted, PlanVoided))}
    made = [(sequence, it) for sequence, it in facts if isinstance(it, PlanMade)]
    targets = _targets([it for _, it in made])
    terms = record.instruments({step.symbol for _, it in made for step in plan.read(it.steps)})
    return [
        PlanRow(
            made=it,
            sequence=sequence,
            ended=ended.get(it.plan),
            steps=tuple(_step(step, terms) for step in plan.read(it.steps)),
            before=Stage(
                equity=it.equity_before,
                maintenance=it.maintenance_before,
                target=targets.get(it.run_id),
            ),
            after=Stage(
                equity=it.equity_after, maintenance=it.maintenance_after, target=it.target_after
            ),
        )
        for sequence, it in made
    ]


def _targets(made: Sequence[PlanMade]) -> dict[str, int]:
    """run -> target, by the results the plans were made on; all are one account's."""
    if not made:
        return {}
    rows = margin.requirements_in({it.run_id for it in made}, made[0].account_id)
    return {run_id: margin.levels(row).target for run_id, row in rows.items()}


def _step(step: plan.Step, terms: Mapping[str, Instrument]) -> StepRow:
    it = terms[step.symbol]
    return StepRow(
        symbol=step.symbol,
        lots=step.lots,
        quantity=it.lot_size * step.lots,
        price=instrument.price_of(it, step.price_ticks),
        unit=it.settlement if it.priced_in_coin else it.quote,
    )


def visible_case(case_id: str, *, scope: Scope) -> models.Case:
    """The case, if it is the caller's. Raises NotFound alike for others' and for none."""
    found = case(case_id)
    if not record.owns(found.account, scope=scope):
        raise NotFound(field="case_id", case=case_id)
    return found
