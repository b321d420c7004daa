"""Running published case files through the engine, and saying what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from margin.cases import Case, Layout, Result
from margin.cases.files import FileUnreadable
from margin.cases.layouts import LAYOUTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Files of one layout and their cases; no layout means that nobody knows the files."""

    layout: str
    paths: tuple[Path, ...]
    cases: tuple[Case, ...] = ()
    fault: str = ""  # why there are no cases


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a run found; `failed` is what its exit code says."""

    files: tuple[Together, ...]

    @property
    def cases(self) -> tuple[Case, ...]:
        return tuple(case for each in self.files for case in each.cases)

    @property
    def results(self) -> tuple[Result, ...]:
        return tuple(result for case in self.cases for result in case.results)

    @property
    def failed(self) -> bool:
        """A miss, a case that cannot be read, a file without cases or of no known layout."""
        return (
            any(each.fault for each in self.files)
            or any(case.unreadable for case in self.cases)
            or not all(result.met for result in self.results)
        )

    def lines(self, *, brief: bool = False) -> Iterator[str]:
        """The report as text, the summary in its last line.

        brief  of a case that is met, only its levels and the largest error of all the rest
        """
        for each in self.files:
            yield f"{each.layout}: {', '.join(str(path) for path in each.paths)}"
            if each.fault:
                yield f"  CANNOT BE RUN  {each.fault}"
            for case in each.cases:
                yield from _case_lines(case, brief=brief)
        yield self.summary()

    def summary(self) -> str:
        """One line: what was run, what was missed, and the largest relative error."""
        cases, found = self.cases, self.results
        counted = {
            "met": sum(_is_met(case) for case in cases),
            "missed": sum(bool(case.results) and not _is_met(case) for case in cases),
            "unsupported": sum(bool(case.unsupported) for case in cases),
            "unreadable": sum(bool(case.unreadable) for case in cases),
        }
        said = ", ".join(f"{count} {what}" for what, count in counted.items())
        largest = max((result.error for result in found if _is_relative(result)), default=0.0)
        missed = sum(not result.met for result in found)
        rounded = [
            abs(it.integer - it.ours) / it.bound
            for it in found
            if it.integer is not None and it.bound
        ]
        parts = [
            f"{len(cases)} cases in {sum(len(each.paths) for each in self.files)} files: {said}",
            f"{len(found)} results, {missed} missed, largest relative error {largest:.1e}",
        ]
        if rounded:
            parts.append(f"integer path at most {max(rounded):.2f} of its bound away")
        faults = sum(bool(each.fault) for each in self.files)
        if faults:
            parts.append(f"{faults} files could not be run")
        return "; ".join(parts)


def check(paths: Sequence[Path], *, layouts: Sequence[Layout] = LAYOUTS) -> Report:
    """Run every case of these files. Files of one layout are run together, in the order given.

    Nothing is raised for what is in a file: it stands in the report, and the rest is run.
    """
    groups: dict[int, list[Path]] = {}
    faults: dict[Path, str] = {}
    for path in dict.fromkeys(paths):
        try:
            place = next((at for at, it in enumerate(layouts) if it.recognises(path)), None)
        except FileUnreadable as error:
            faults[path] = error.why
            continue
        if place is None:
            names = "; ".join(each.NAME for each in layouts)
            faults[path] = f"of no known layout, or without any case; layouts: {names}"
            continue
        groups.setdefault(place, []).append(path)

    found = []
    for place, together in groups.items():
        cases = tuple(layouts[place].cases(together))
        fault = "" if cases else "no case in it"
        found.append(
            Together(layout=layouts[place].NAME, paths=tuple(together), cases=cases, fault=fault)
        )
    found += [
        Together(layout="unknown", paths=(path,), fault=fault) for path, fault in faults.items()
    ]
    return Report(files=tuple(found))


def _is_met(case: Case) -> bool:
    return bool(case.results) and all(result.met for result in case.results)


def _is_relative(result: Result) -> bool:
    """Whether the relative error says anything: it does not of what is left of larger sums."""
    return result.half <= result.tolerance * abs(result.theirs)


def _case_lines(case: Case, *, brief: bool) -> Iterator[str]:
    if case.unreadable:
        yield f"  UNREADABLE  {case.name}: {case.unreadable}"
        return
    if case.unsupported:
        yield f"  unsupported {case.name}: {case.unsupported}"
        return
    yield f"  {'met' if _is_met(case) else 'MISSED':11} {case.name}"
    width = max((len(each.name) for each in case.results), default=0)
    shown = case.results
    if brief:
        shown = tuple(each for each in shown if each.integer is not None or not each.met)
        shown = shown or case.results[:1]
    for result in shown:
        yield _result_line(result, width=width)
    rest = [each.error for each in case.results if each not in shown and _is_relative(each)]
    if brief and len(shown) < len(case.results):
        hidden = len(case.results) - len(shown)
        yield f"    {hidden} more, relative at most {max(rest, default=0.0):.1e}"


def _result_line(result: Result, *, width: int) -> str:
    mark = " " if result.met else "!"
    line = (
        f"  {mark} {result.name:{width}}  ours {result.ours:.17g}  theirs {result.theirs:.17g}"
        f"  relative {result.error:.1e}"
    )
    if not _is_relative(result) and result.error:
        line += f" (absolute {abs(result.ours - result.theirs):.1e}, {result.half:.1e} allowed)"
    if result.integer is not None:
        line += f"  integer {result.integer:.17g} within {result.bound:.1e}"
    return line
