"""Where a cell prints, shows or assigns what looks like a score."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

from jupyter_mlagent.agent.source import parse_cell
from jupyter_mlagent.reward.definitions import Definitions
from jupyter_mlagent.reward.expressions import SCORE_METHODS, called_name, calls, names_read, string_keys
from jupyter_mlagent.reward.inline import is_pure, strip_format
from jupyter_mlagent.reward.metric_names import KNOWN_FUNCTIONS, is_score_name

_REPORTS = frozenset({"classification_report", "confusion_matrix"})
"""Reports that hold no single number: accuracy stands for them."""

_TABLE_METHODS = frozenset({"map", "corr", "rank", "agg", "apply"})
"""Methods of data frames whose names also stand for scores (mean average precision, correlation)."""

_SPREADS = frozenset({"std", "var", "sem"})
_COUNTS = frozenset({"len", "type", "range", "time", "perf_counter", "count", "nunique"})
_ABOUT = frozenset({"shape", "size", "columns", "dtypes", "index", "best_estimator_", "__name__"})


@dataclass(frozen=True)
class Sighting:
    tree: ast.expr
    how: str
    """`printed`, `shown` or `computed`"""
    label: str = ""
    """Words printed beside it, or the variable's name."""
    stands_in: bool = False
    """Whether the notebook shows a report and this score was chosen to stand for it."""


def sightings(source: str, definitions: Definitions) -> Iterator[Sighting]:
    """Scores that a cell prints, shows as its value, or assigns."""
    module = parse_cell(source)
    if module is None:
        return
    for statement in _top_level(module.body):
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Name(id="print" | "display"), args=arguments)):
                yield from _printed(arguments, definitions)
            case ast.Expr(value=value) if statement is module.body[-1]:
                yield from (replace(found, how="shown") for found in _scores_in(value, "", definitions))
            case ast.Assign(targets=[target], value=value):
                yield from _assigned(target, value, definitions)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run in the notebook's own namespace, those inside loops and branches included."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for part in ("body", "orelse", "finalbody"):
                yield from _top_level(getattr(statement, part, []))


def _printed(arguments: list[ast.expr], definitions: Definitions) -> Iterator[Sighting]:
    label = ""
    for argument in arguments:
        match argument:
            case ast.Constant(value=str() as text):
                label = text
            case ast.JoinedStr(values=values):
                words = ""
                for value in values:
                    if isinstance(value, ast.Constant):
                        words = str(value.value)
                    elif isinstance(value, ast.FormattedValue):
                        yield from _scores_in(value.value, words, definitions)
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(value=str() as text), attr="format"), args=inner
            ):
                for value in inner:
                    yield from _scores_in(value, text, definitions)
            case ast.BinOp(left=ast.Constant(value=str() as text), op=ast.Mod(), right=right):
                for value in right.elts if isinstance(right, ast.Tuple) else [right]:
                    yield from _scores_in(value, text, definitions)
            case ast.BinOp(left=ast.Constant(value=str() as text), op=ast.Add(), right=right):
                yield from _scores_in(right, text, definitions)
            case _:
                yield from _scores_in(argument, label, definitions)


def _scores_in(tree: ast.expr, label: str, definitions: Definitions) -> Iterator[Sighting]:
    """The scores among what is printed; tables and tuples of scores are taken apart."""
    stripped = strip_format(tree)
    parts = _parts(stripped, label, definitions)
    if parts is not None:
        for key, value in parts:
            yield from _scores_in(value, key, definitions)
    elif isinstance(stripped, ast.Call) and called_name(stripped) in _REPORTS and len(stripped.args) >= 2:
        yield Sighting(_accuracy(stripped, definitions), "printed", stands_in=True)
    elif called_name(stripped) in _SPREADS:
        return
    elif _is_score(stripped, definitions) or (is_score_name(words_of(label)) and _may_be_number(stripped)):
        yield Sighting(stripped, "printed", label)


def _parts(tree: ast.expr, label: str, definitions: Definitions) -> list[tuple[str, ast.expr]] | None:
    """The labelled values of `{"acc": ...}`, of a variable that holds such a dictionary, of `acc, f1`."""
    found = definitions.last(tree.id) if isinstance(tree, ast.Name) else None
    literal = found.value if found is not None and isinstance(found.value, ast.Dict) else tree
    match literal:
        case ast.Dict(keys=keys, values=values):
            names = [str(key.value) if isinstance(key, ast.Constant) else label for key in keys]
            return list(zip(names, values, strict=True))
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return [(label, element) for element in elements]
    return None


def _assigned(target: ast.expr, value: ast.expr, definitions: Definitions) -> Iterator[Sighting]:
    names = [element for element in getattr(target, "elts", [target]) if isinstance(element, ast.Name)]
    for name in names:
        if is_score_name(name.id) and (_is_score(value, definitions) or called_name(value) in SCORE_METHODS):
            yield Sighting(ast.Name(id=name.id, ctx=ast.Load()), "computed", name.id)


def _is_score(tree: ast.expr, definitions: Definitions) -> bool:
    tree = strip_format(tree)
    if isinstance(tree, ast.Name):
        found = definitions.last(tree.id)
        held = None if found is None or found.value is None else found.value
        return is_score_name(tree.id) or (held is not None and _calls_score(held))
    if isinstance(tree, ast.Attribute):
        return is_score_name(tree.attr.rstrip("_"))
    return _calls_score(tree) or (
        is_pure(tree) and any(is_score_name(name) for name in [*string_keys(tree), *names_read(tree)])
    )


def _calls_score(tree: ast.expr) -> bool:
    names = [name for call in calls(tree) if (name := called_name(call) or "") not in _TABLE_METHODS]
    return any(name in KNOWN_FUNCTIONS or name in SCORE_METHODS or is_score_name(name) for name in names)


def _may_be_number(tree: ast.expr) -> bool:
    """Whether what is printed beside a score's name could be the score: not a count, a shape or settings."""
    counts = any(called_name(call) in _COUNTS for call in calls(tree))
    about = isinstance(tree, ast.Attribute) and (tree.attr in _ABOUT or tree.attr.endswith("params_"))
    return is_pure(tree) and bool(names_read(tree)) and not counts and not about


def _accuracy(report: ast.Call, definitions: Definitions) -> ast.expr:
    """Accuracy of a report's labels and predictions; `accuracy_score` only where it is imported."""
    truth, predicted = report.args[:2]
    if definitions.last("accuracy_score") is not None:
        return ast.Call(
            func=ast.Name(id="accuracy_score", ctx=ast.Load()), args=[truth, predicted], keywords=[]
        )
    hits = ast.Compare(left=truth, ops=[ast.Eq()], comparators=[predicted])
    return ast.Call(func=ast.Attribute(value=hits, attr="mean", ctx=ast.Load()), args=[], keywords=[])


def words_of(label: str) -> str:
    """`Test accuracy: ` as a variable would be named, `test_accuracy`."""
    return "_".join("".join(char if char.isalnum() else " " for char in label).split())
