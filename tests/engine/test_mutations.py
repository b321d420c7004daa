"""Changing any one term of a formula makes the comparison with the oracle fail.

Every function that the reference requirement goes through is changed in one place at a time: an
operator swapped, a term or factor left out, a number changed, a sign turned, a bound moved. Each
change is loaded beside the real engine, in a package of its own, and must come to other numbers
than the oracle or fail. What survives is either listed below with the reason why it changes
nothing, or it is a hole in the tests.
"""

from __future__ import annotations

import ast
import faulthandler
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np
import pytest

from margin.engine import parameters, requirement, risk_array, shapes
from tests.engine.arrays import as_engine_arrays
from tests.oracle.books import (
    Account,
    Contract,
    DeltaOne,
    Expiry,
    Group,
    Option,
    batches,
)
from tests.oracle.margin import account_margin
from tests.oracle.pmrm2_parameters import HARSH, PM2_T, Parameters, as_method
from tests.seeds import chance

ENGINE = Path(requirement.__file__).parent
# Each after what it imports.
FORMULAS = ["pricing", "scenarios", "addons", "risk_array", "aggregate", "requirement"]
FRESH = "mutated_engine"

SAMPLE = 300

# Why a change makes no difference: [before => after] in its surroundings.
EQUIVALENT: dict[str, list[str]] = {
    "time left is never negative where this is called": [
        "pricing.black_76: p.asarray(vol, float) * np.sqrt([np.maximum(years, 0.0) => years])",
    ],
    "(1 - 1) * forward is zero as well: the branch only spares outsiders a rounding": [
        "pricing.averaged_forward: fixed: Floats = [np.where(open_share == 1.0, 0.0, forward "
        "* (1.0 - open_share) => forward * (1.0 - open_share])",
        "pricing.averaged_forward: Floats = np.where(open_share == [1.0 => 1.011], 0.0, forwa"
        "rd * (1.0 - ",
    ],
    "at the money the call and the put out of the money are worth the same": [
        "pricing._out_of_the_money: side = np.where(forward >[ => =] strike, -1.0, 1.0)",
    ],
    "only a rounding is floored, far below the tolerance": [
        "pricing._out_of_the_money: rward, strike, deviation), 0.0, [np.maximum(value, 0.0) ="
        "> value])",
    ],
    "prices are positive: which side zero falls on is never asked": [
        "pricing._settled: ) | (forward <= 0.0) | (strike <[= => ] 0.0)",
        "pricing._settled:  (deviation <= 0.0) | (forward <[= => ] 0.0) | (strike <= 0.0)",
    ],
    "at the pivot the factor is one, whatever the power": [
        "scenarios.term_structure: power = np.where(days <[= => ] shock.pivot_days, shock",
    ],
    "past expiry no vol is left to multiply": [
        "scenarios.term_structure: alive = (days > 0.0) [& => |] (taken > 0.0)",
        "scenarios.term_structure: alive = (days >[ => =] 0.0) & (taken > 0.0)",
        "scenarios.term_structure: alive = (days > 0.0) & (taken >[ => =] 0.0)",
        "scenarios.term_structure: factor: Floats = [np.where(alive, (shock.pivot_days / np.w"
        "here(alive, taken, shock.pivot_days)) ** power, 1.0) => (shock.pivot_days / np.where"
        "(alive, taken, shock.pivot_days)) ** power]",
        "scenarios.term_structure: n, shock.pivot_days)) ** power, [1.0 => 1.011])",
        "scenarios.term_structure: here(alive, (shock.pivot_days / [np.where(alive, taken, sh"
        "ock.pivot_days) => taken]) ** power, 1.0)",
    ],
    "a vol below zero is priced as none, as is zero": [
        "scenarios.vol_down_multiplier: multiplier: Floats = [np.maximum(0.0, 1.0 - shock.ran"
        "ge_down * term_structure(seconds, shock) => 1.0 - shock.range_down * term_structure("
        "seconds, shock])",
        "scenarios.skew_multiplier: multiplier: Floats = [np.maximum(0.0, 1.0 + bounded) => 1"
        ".0 + bounded]",
    ],
    "how finely the exact path rounds: no formula, and inside the tolerance of rounding": [
        "risk_array.<module>: SMALLEST_UNIT = [ => -]2.0 ** (-20)",
        "risk_array.<module>: SMALLEST_UNIT = 2.0 *[* (-20) =>  -20]",
        "risk_array.<module>: SMALLEST_UNIT = 2.0 ** (-[20 => 21])",
        "risk_array.<module>: VALUE_BITS = [30 => 31]",
    ],
    "a limit that refuses, and refuses none of these": [
        "risk_array.<module>: VALUE_LIMIT = [2 => 3] ** 31",
        "risk_array.<module>: VALUE_LIMIT = 2 ** [31 => 32]",
        "aggregate.<module>: SUM_LIMIT = [2.0 => 2.021] ** 53",
        "aggregate.<module>: SUM_LIMIT = 2.0 ** [53 => 54]",
    ],
    "how much is done at once": [
        "risk_array.<module>: _ROWS_AT_ONCE = [512 => 513]",
        "requirement.<module>: ACCOUNTS_AT_ONCE = [512 => 513]",
    ],
    "a guard behind the checks of the market, which refuse first": [
        "risk_array.price: broken = ~np.isfinite(values)[.all => .any](axis=1)",
        "risk_array.price: if [broken.any => broken.all]():",
    ],
    "every entry is written afterwards, or minus zero is added to": [
        "risk_array.price: values = [ => -]np.empty((len(series.kin",
        "risk_array._block: values = [ => -]np.zeros((len(kind), len",
        "risk_array._block: values = [np.zeros => np.ones]((len(kind), len(moves))",
        "aggregate.buckets: place = [ => -]np.empty(len(order), np.",
        "requirement._outcomes: rows = [ => -]np.zeros((len(base), cou",
        "requirement._by_underlying: added = [ => -]np.zeros((len(amounts), ",
        "requirement._over_groups: added = [ => -]np.zeros(len(amounts))",
    ],
    "the number of what has no strike is looked up and never used": [
        "aggregate.buckets: e[:, 0].astype(np.int64), count [- => +] 1))",
        "aggregate.buckets: ue[:, 0].astype(np.int64), count[ - 1 => ]))",
        "aggregate.buckets: (unique[:, 0].astype(np.int64), [count -  => ]1))",
    ],
    "the order in which buckets are numbered, or any number below zero": [
        "aggregate.buckets: r = np.lexsort((expiry, expiry <[ => =] 0, owner))",
        "aggregate.buckets: er = np.lexsort((expiry, expiry [< => >=] 0, owner))",
        "aggregate.buckets:  = np.lexsort((expiry, expiry < [0 => 1], owner))",
    ],
    "sorting what is sorted, stably": [
        "aggregate.grouped: if (np.diff(key) <[ => =] 0).any():",
        "aggregate.grouped: if (np.diff(key) [< => >=] 0).any():",
        "aggregate.grouped: if (np.diff(key) < [0 => 1]).any():",
    ],
    "any number below every key starts the first group": [
        "aggregate.grouped: atnonzero(np.diff(key, prepend=-[1 => 2]))",
    ],
    "two shorts add up to the net short, so the net is right on both branches": [
        "aggregate._naked: opposite = (call > 0) [& => |] (put < 0) | (call < 0) ",
        "aggregate._naked: ite = (call > 0) & (put < 0) | ([call < 0) & (put > 0 => (call < 0"
        ") | (put > 0)])",
        "aggregate._naked: (call > 0) & (put < 0) | (call <[ => =] 0) & (put > 0)",
        "aggregate._naked:  (put < 0) | (call < 0) & (put >[ => =] 0)",
        "aggregate._naked: (put < 0) | (call < 0) & (put > [0 => 1])",
        "aggregate._naked: call > 0) & (put < 0) | (call < [0 => 1]) & (put > 0)",
        "aggregate._naked: opposite = (call >[ => =] 0) & (put < 0) | (call ",
        "aggregate._naked: opposite = (call > 0) & (put <[ => =] 0) | (call < 0) & (put ",
        "aggregate._naked: opposite = (call > 0) & (put < [0 => 1]) | (call < 0) & (put > ",
        "aggregate._naked: opposite = (call > [0 => 1]) & (put < 0) | (call < ",
        "aggregate._naked: short = [np.where(opposite, np.maximum(-(call + put), 0), np.maxim"
        "um(-call, 0) + np.maximum(-put, 0) => np.maximum(-(call + put), 0])",
    ],
    "an empty chunk more": [
        "requirement._in_chunks: first in range(0, max(accounts, [1 => 2]), step)]",
    ],
    "the basis contingency is never positive, so the worst is not": [
        "requirement._some: worst = [np.minimum(np.take_along_axis(outcomes, binding[..., Non"
        "e], axis=2)[..., 0], 0.0) => np.take_along_axis(outcomes, binding[..., None], axis=2"
        ")[..., 0]]",
        "requirement._some: ng[..., None], axis=2)[..., 0], [0.0 => 0.001])",
    ],
    "the base is column zero": [
        "requirement._outcomes: values[:, BASE], sums.values[:, [BASE +  => ]1:BASIS_UP])",
    ],
    "futures stay where they are at spot one, and what is zeroed is written after": [
        "requirement._outcomes: rows[np.ix_([~ => ]is_option, np.flatnonzer",
    ],
    "nothing times either discount is nothing": [
        "requirement._outcomes: discount = np.where(after >[= => ] 0.0, rules.long[expiry,",
    ],
    "any confidence from one up is full confidence": [
        "requirement._position_confidence: rules.confidence.size else 1.0, [1.0 => 1.011])",
        "requirement._position_confidence: ] if rules.confidence.size else [1.0 => 1.011], 1.0)",
    ],
}
HARMLESS = {change for changes in EQUIVALENT.values() for change in changes}


# What to expect -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    book: shapes.Book
    market: shapes.Market
    rules: parameters.Parameters
    expected: dict[str, Any]  # name: array from the oracle
    tolerance: dict[str, Any]
    rounding: shapes.Floats  # (accounts,) how far apart rounded prices may bring us


@cache
def trials() -> list[Trial]:
    """Some eighty books under the published rules, and as many under harsher ones."""
    found = []
    for seed, rules in ((3, PM2_T), (4, HARSH)):
        for books in batches(seed, markets=8, books=10):
            found.append(trial(books, rules))
    return [*found, trial([dusty()], PM2_T), nobody(found[0])]


def dusty() -> Account:
    """The least of futures, whose bad price is the price of the options' hedge."""
    expiry = Expiry(seconds=1e6, forward=100.0)
    contract = Contract(expiry=expiry, strike=90.0, is_call=True, vol=0.5)
    dust = DeltaOne(name="dust", inverse=False, lots=1, size=1e-7, mark=100.0)
    group = Group(
        name="dusty",
        spot=100.0,
        stable=1.0,
        perpetual_confidence=0.1,
        options=[Option(contract=contract, lots=3)],
        delta_ones=[dust],
    )
    return Account(cash=0.0, groups=[group])


def nobody(other: Trial) -> Trial:
    """The same market without accounts."""
    book = other.book
    return replace(
        other,
        book=shapes.Book(
            positions=book.positions[:0],
            **{
                name: getattr(book, name)[:0]
                for name in ("collateral", "cash", "cost", "coin_cost")
            },
        ),
        expected={name: right[:0] for name, right in other.expected.items()},
        tolerance={name: wide[:0] for name, wide in other.tolerance.items()},
        rounding=other.rounding[:0],
    )


def trial(books: list[Account], rules: Parameters) -> Trial:
    margins = [account_margin(book, rules) for book in books]
    expected = {
        name: np.array([float(getattr(margin, name)) for margin in margins])
        for name in ("initial", "maintenance", "equity")
    }
    for name in (
        "worst",
        "mark_to_market",
        "initial_contingency",
        "maintenance_contingency",
        "initial_factor",
    ):
        expected[name] = np.array(
            [[float(getattr(group, name)) for group in margin.groups] for margin in margins]
        )
    expected["scenarios"] = np.array(
        [[[float(x) for x in group.scenarios] for group in margin.groups] for margin in margins]
    )
    gross = np.array([float(margin.gross) for margin in margins])
    tolerance = {
        name: np.maximum(1e-9 * np.abs(right), 1e-12 * gross.reshape(-1, *[1] * (right.ndim - 1)))
        for name, right in expected.items()
    }
    book, market = as_engine_arrays(books)
    method = parameters.load(as_method(rules))
    unit = risk_array.build(market, method).unit.max()
    return Trial(
        book=book,
        market=market,
        rules=method,
        expected=expected,
        tolerance=tolerance,
        # Half a unit for each lot; no weight, discount or factor in the rules makes more of it.
        rounding=64 * unit * abs(book.positions).sum(axis=1),
    )


def agrees(module: ModuleType) -> bool:
    """Whether a requirement module still says what the oracle says, on every trial."""
    try:
        with np.errstate(all="ignore"):
            return all(agrees_on(each, module) for each in trials())
    except Exception:  # noqa: BLE001 - a change that breaks the engine is a change that is seen
        return False


def agrees_on(each: Trial, module: ModuleType) -> bool:
    """The unrounded requirement to the last billionth, the exact one as far as its units reach."""
    unrounded = module.reference_requirement(each.book, each.market, each.rules)
    exact = module.requirement(each.book, each.market, each.rules, accounts_at_once=5)
    return all(
        np.array_equal(found.binding, found.scenarios.argmin(axis=-1))
        and all(
            getattr(found, name).shape == right.shape
            and (np.abs(getattr(found, name) - right) <= each.tolerance[name] + slack).all()
            for name, right in each.expected.items()
            for slack in [rounding.reshape(-1, *[1] * (right.ndim - 1))]
        )
        for found, rounding in ((unrounded, 0 * each.rounding), (exact, each.rounding))
    )


# Changes ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    module: str
    function: str
    holder: ast.AST  # what has the node that is replaced ...
    place: str  # ... in this field ...
    index: int | None  # ... and there at this index, if the field is a list
    replacement: ast.AST
    statement: ast.stmt

    @contextmanager
    def made(self) -> Iterator[None]:
        held = getattr(self.holder, self.place)
        if self.index is None:
            setattr(self.holder, self.place, self.replacement)
        else:
            before, held[self.index] = held[self.index], self.replacement
        try:
            yield
        finally:
            if self.index is None:
                setattr(self.holder, self.place, held)
            else:
                held[self.index] = before

    def __str__(self) -> str:
        before = first_line(self.statement)
        with self.made():
            after = first_line(self.statement)
        same = alike(before, after)
        tail = alike(before[same:][::-1], after[same:][::-1])
        old, new = ("".join(line[same : len(line) - tail]) for line in (before, after))
        left, right = "".join(before[:same])[-32:], "".join(before[len(before) - tail :])[:24]
        return f"{self.module}.{self.function}: {left}[{old} => {new}]{right}"


def alike(one: list[str], other: list[str]) -> int:
    """How many words two lines have in common from the start."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def first_line(statement: ast.stmt) -> list[str]:
    line = ast.unparse(ast.fix_missing_locations(statement)).splitlines()[0]
    return re.findall(r"[\w.]+|.", line)


SWAPS: dict[type[ast.AST], list[type[ast.AST]]] = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.FloorDiv: [ast.Mult],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
    ast.And: [ast.Or],
    ast.Or: [ast.And],
    ast.Lt: [ast.LtE, ast.GtE],
    ast.LtE: [ast.Lt, ast.Gt],
    ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
}
OPPOSITES = [
    ("minimum", "maximum"),
    ("min", "max"),
    ("argmin", "argmax"),
    ("any", "all"),
    ("floor", "ceil"),
    ("logical_and", "logical_or"),
    ("zeros", "ones"),
]
OTHER = dict(OPPOSITES) | {right: left for left, right in OPPOSITES}
DROPPED = {"abs", "exp", "log", "sqrt", "expm1", "log1p", "negative", "ndtr"}


def replacements(node: ast.AST) -> Iterator[ast.AST]:
    """Everything that could stand in a node's place, one change away."""
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            for other in SWAPS.get(type(op), []):
                yield ast.BinOp(left=left, op=other(), right=right)
            if isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.Div):
                yield left
                yield right
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(op=SWAPS[type(op)][0](), values=values)
        case ast.Compare(left=left, ops=[op], comparators=comparators):
            for other in SWAPS.get(type(op), []):
                yield ast.Compare(left=left, ops=[other()], comparators=comparators)
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(value=not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value=value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value=value * 1.01 + 0.001)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            yield ast.IfExp(test=test, body=orelse, orelse=body)
        case ast.Call():
            yield from other_calls(node)


def other_calls(node: ast.Call) -> Iterator[ast.AST]:
    match node.func:
        case ast.Attribute(attr=name, value=value):
            if name in OTHER:
                func = ast.Attribute(value=value, attr=OTHER[name], ctx=ast.Load())
                yield ast.Call(func=func, args=node.args, keywords=node.keywords)
        case ast.Name(id=name):
            if name in OTHER:
                func = ast.Name(id=OTHER[name], ctx=ast.Load())
                yield ast.Call(func=func, args=node.args, keywords=node.keywords)
        case _:
            return
    if name in DROPPED and len(node.args) == 1:
        yield node.args[0]
    if name in {"minimum", "maximum", "min", "max"} and len(node.args) == 2:
        yield from node.args
    if name == "where" and len(node.args) == 3:
        condition, yes, no = node.args
        yield ast.Call(func=node.func, args=[condition, no, yes], keywords=node.keywords)
        yield yes
        yield no


def changes(name: str, tree: ast.Module, used: set[str]) -> list[Change]:
    """All changes to the functions that are used, to the constants of the module as well."""
    found: list[Change] = []
    for statement in tree.body:
        match statement:
            case ast.FunctionDef() if statement.name in used:
                for inner in statement.body:
                    found += in_statement(name, statement.name, inner)
            case ast.ClassDef():
                for method in statement.body:
                    qualified = f"{statement.name}.{getattr(method, 'name', '')}"
                    if isinstance(method, ast.FunctionDef) and qualified in used:
                        for inner in method.body:
                            found += in_statement(name, qualified, inner)
            case ast.Assign():
                found += in_statement(name, "<module>", statement)
    return found


def in_statement(module: str, function: str, statement: ast.stmt) -> list[Change]:
    if isinstance(statement, ast.Assert | ast.Raise):
        return []
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return []

    def change(holder: ast.AST, place: str, index: int | None, new: ast.AST) -> Change:
        return Change(
            module=module,
            function=function,
            holder=holder,
            place=place,
            index=index,
            replacement=new,
            statement=statement,
        )

    found = []
    match statement:
        case ast.Assign(value=value) | ast.AnnAssign(value=value) | ast.Return(value=value):
            if value is not None and not isinstance(value, ast.Tuple | ast.Constant | ast.Name):
                found.append(
                    change(statement, "value", None, ast.UnaryOp(op=ast.USub(), operand=value))
                )
        case ast.AugAssign(op=op):
            found += [change(statement, "op", None, other()) for other in SWAPS.get(type(op), [])]
        case ast.If(test=test):
            found.append(change(statement, "test", None, ast.UnaryOp(op=ast.Not(), operand=test)))
    waiting: list[ast.AST] = [statement]
    while waiting:
        holder = waiting.pop()
        for place, value in ast.iter_fields(holder):
            if place in ("annotation", "returns", "decorator_list", "msg"):
                continue
            several = isinstance(value, list)
            for index, node in enumerate(value if several else [value]):
                if isinstance(node, ast.stmt):
                    found += in_statement(module, function, node)
                elif isinstance(node, ast.AST):
                    at = index if several else None
                    found += [change(holder, place, at, new) for new in replacements(node)]
                    waiting.append(node)
    return found


# Loading ------------------------------------------------------------------------------------------


class Moved(ast.NodeTransformer):
    """Lets a formula module import the other formula modules from the fresh package."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt] | ast.stmt:
        package, _, name = (node.module or "").rpartition(".")
        if package == "margin.engine" and name in FORMULAS:
            node.module = f"{FRESH}.{name}"
        if node.module == "margin.engine":
            ours = [alias for alias in node.names if alias.name in FORMULAS]
            rest = [alias for alias in node.names if alias.name not in FORMULAS]
            parts = [(FRESH, ours), ("margin.engine", rest)]
            return [
                ast.ImportFrom(module=module, names=names, level=0)
                for module, names in parts
                if names
            ]
        return node


@cache
def trees() -> dict[str, ast.Module]:
    read = {name: ast.parse((ENGINE / f"{name}.py").read_text()) for name in FORMULAS}
    return {name: ast.fix_missing_locations(Moved().visit(tree)) for name, tree in read.items()}


@cache
def compiled() -> dict[str, CodeType]:
    return {name: compile(tree, f"<{name}>", "exec") for name, tree in trees().items()}


def survives(change: Change) -> bool:
    """Whether the engine with one change in it still agrees with the oracle."""
    with change.made():
        tree = ast.fix_missing_locations(deepcopy(trees()[change.module]))
    try:
        code = compile(tree, f"<{change}>", "exec")
    except (SyntaxError, ValueError):
        return False
    with fresh(compiled() | {change.module: code}) as module:
        return module is not None and agrees(module)


@contextmanager
def fresh(codes: dict[str, CodeType]) -> Iterator[ModuleType | None]:
    """The requirement module of an engine loaded from these codes; none if it does not load."""
    try:
        for name in FORMULAS:
            install(name, codes[name])
    except Exception:  # noqa: BLE001 - whatever it says, it does not load
        sys.modules.pop(f"{FRESH}.requirement", None)
    try:
        yield sys.modules.get(f"{FRESH}.requirement")
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == FRESH]:
            del sys.modules[name]


def install(name: str, code: CodeType) -> None:
    package = sys.modules.setdefault(FRESH, ModuleType(FRESH))
    package.__path__ = []
    module = ModuleType(f"{FRESH}.{name}")
    sys.modules[module.__name__] = module
    exec(code, module.__dict__)  # noqa: S102 - our own source, changed in one place
    if hasattr(module, "_ROWS_AT_ONCE"):
        module._ROWS_AT_ONCE = 16  # so that there are several blocks
    setattr(package, name, module)


def survivors(waiting: list[Change]) -> list[str]:
    """What is not noticed. In a child process: a wrong index can take the interpreter down."""
    trials()
    compiled()
    found = []
    while waiting:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            faulthandler.disable()  # going down is an answer, not news
            for change in waiting:
                signal.alarm(20)  # an endless loop is noticed too
                os.write(writer, b"y" if survives(change) else b"n")
            os._exit(0)
        os.close(writer)
        with open(reader, "rb") as answers:  # noqa: PTH123 - a pipe has no path
            said = answers.read()
        os.waitpid(child, 0)
        found += [
            str(change) for change, answer in zip(waiting, said, strict=False) if answer == ord("y")
        ]
        waiting = waiting[len(said) + 1 :]  # the one that took it down, if any, was noticed
    return found


@cache
def every_change() -> list[Change]:
    used: dict[str, set[str]] = {name: set() for name in FORMULAS}
    files = {str(ENGINE / f"{name}.py"): name for name in FORMULAS}

    def note(frame: FrameType, event: str, _: object) -> None:
        name = files.get(frame.f_code.co_filename)
        if name and event == "call":
            used[name].add(frame.f_code.co_qualname)

    first = trials()[0]
    sys.setprofile(note)
    try:
        requirement.reference_requirement(first.book, first.market, first.rules)
    finally:
        sys.setprofile(None)
    return [each for name in FORMULAS for each in changes(name, trees()[name], used[name])]


# The tests ----------------------------------------------------------------------------------------


def test_a_sample_of_changes_is_noticed():
    sample = chance("mutations").sample(every_change(), SAMPLE)

    unnoticed = survivors(sample)

    assert sorted(set(unnoticed) - HARMLESS) == []


@pytest.mark.soak
def test_every_change_is_noticed():
    unnoticed = set(survivors(every_change()))

    assert sorted(unnoticed - HARMLESS) == []
    assert sorted(HARMLESS - unnoticed) == [], "no longer survive: take them off the list"


def test_the_engine_loaded_as_a_change_would_be_agrees():
    """Otherwise everything would count as noticed."""
    with fresh(compiled()) as module:
        assert module is not None
        assert module is not requirement
        assert agrees(module)
