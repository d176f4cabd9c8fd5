"""Find what a notebook measures: the scores that its last cells print or compute."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jupyter_mlagent.agent.source import parse_cell
from jupyter_mlagent.records import Cell, Direction
from jupyter_mlagent.reward.definitions import Definitions
from jupyter_mlagent.reward.expressions import (
    SCORE_METHODS,
    called_name,
    calls,
    names_read,
    parse_expression,
    string_keys,
)
from jupyter_mlagent.reward.inline import Inlined, inline_metric, is_pure, strip_format
from jupyter_mlagent.reward.metric_names import (
    KNOWN_FUNCTIONS,
    MULTI_VALUED,
    direction_of_name,
    is_held_out_name,
    is_score_name,
    is_training_name,
)

_REPORTS = frozenset({"classification_report", "confusion_matrix"})
"""Reports that hold no single number: accuracy stands for them."""

_REPORT_LABEL = "accuracy"

_COUNTS = frozenset({"len", "type", "range", "time", "perf_counter", "count", "nunique"})
_ABOUT = frozenset({"shape", "size", "columns", "dtypes", "index", "best_estimator_", "__name__"})


@dataclass(frozen=True)
class MetricCandidate:
    expression: str
    """Inlined: what computes the score anew, as far as the notebook tells."""
    direction: Direction | None
    """None where neither function nor variable says which way is better."""
    origin: str
    """`printed in cell 7` (cells counted from 1, all kinds), `shown by cell 7` or `computed in cell 7`."""
    confidence: float
    """In [0, 1], for ordering and for asking back."""
    inlined: Inlined


def detect_metrics(cells: Sequence[Cell]) -> list[MetricCandidate]:
    """Metric candidates of a notebook, best first, each expression once.

    Preferred: what is recomputed from a model over what any cell could set; held-out data over training data;
    printed over computed; later cells over earlier ones.
    """
    definitions = Definitions(cells)
    best: dict[str, MetricCandidate] = {}
    code = [
        (number, cell) for number, cell in enumerate(cells, 1) if cell.kind == "code" and not cell.errored
    ]
    for age, (number, cell) in enumerate(reversed(code)):
        for sighting in _sightings(cell.source, definitions):
            candidate = _candidate(sighting, number, age, cells)
            known = best.get(candidate.expression)
            if known is None or candidate.confidence > known.confidence:
                best[candidate.expression] = candidate
    return sorted(best.values(), key=lambda candidate: -candidate.confidence)


def direction_of(expression: str) -> Direction | None:
    """Which way is better, from the functions and names in an expression; None where they do not say.

    A leading minus or `1 - ...` turns the direction round.
    """
    tree = parse_expression(expression)
    return None if tree is None else _direction(strip_format(tree))


@dataclass(frozen=True)
class _Sighting:
    tree: ast.expr
    how: str
    """`printed`, `shown` or `computed`"""
    label: str = ""
    """Words printed beside it, or the variable's name."""


def _sightings(source: str, definitions: Definitions) -> Iterator[_Sighting]:
    """Scores that a cell prints, shows as its value, or assigns."""
    module = parse_cell(source)
    if module is None:
        return
    for statement in _top_level(module.body):
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Name(id="print" | "display"), args=arguments)):
                yield from _printed(arguments, definitions)
            case ast.Expr(value=value) if statement is module.body[-1]:
                if _is_score(value, definitions):
                    yield _Sighting(strip_format(value), "shown")
            case ast.Assign(targets=[target], value=value):
                yield from _assigned(target, value, definitions)


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run in the notebook's own namespace, those inside loops and branches included."""
    for statement in body:
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for part in ("body", "orelse", "finalbody"):
                yield from _top_level(getattr(statement, part, []))


def _printed(arguments: list[ast.expr], definitions: Definitions) -> Iterator[_Sighting]:
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


def _scores_in(tree: ast.expr, label: str, definitions: Definitions) -> Iterator[_Sighting]:
    stripped = strip_format(tree)
    if isinstance(stripped, ast.Call) and called_name(stripped) in _REPORTS and len(stripped.args) >= 2:
        yield _Sighting(_accuracy(stripped, definitions), "printed", _REPORT_LABEL)
    elif _is_score(stripped, definitions) or (is_score_name(_words(label)) and _may_be_number(stripped)):
        yield _Sighting(stripped, "printed", label)


def _assigned(target: ast.expr, value: ast.expr, definitions: Definitions) -> Iterator[_Sighting]:
    names = [element for element in getattr(target, "elts", [target]) if isinstance(element, ast.Name)]
    for name in names:
        if is_score_name(name.id) and (_is_score(value, definitions) or called_name(value) in SCORE_METHODS):
            yield _Sighting(ast.Name(id=name.id, ctx=ast.Load()), "computed", name.id)


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
    names = [called_name(call) or "" for call in calls(tree)]
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


def _candidate(sighting: _Sighting, number: int, age: int, cells: Sequence[Cell]) -> MetricCandidate:
    inlined = inline_metric(ast.unparse(ast.fix_missing_locations(sighting.tree)), cells)
    tree = parse_expression(inlined.expression) or sighting.tree
    direction = _direction(tree) or _direction(sighting.tree) or direction_of_name(_words(sighting.label))
    where = {"printed": "printed in", "shown": "shown by", "computed": "computed in"}[sighting.how]
    return MetricCandidate(
        expression=inlined.expression,
        direction=direction,
        origin=f"{where} cell {number}",
        confidence=_confidence(sighting, inlined, tree, direction, age),
        inlined=inlined,
    )


def _confidence(
    sighting: _Sighting, inlined: Inlined, tree: ast.expr, direction: Direction | None, age: int
) -> float:
    """The weights order candidates as `detect_metrics` says; each earlier cell costs a little."""
    confidence = {"printed": 0.9, "shown": 0.9, "computed": 0.8}[sighting.how]
    names = names_read(tree)
    if inlined.settable:
        confidence -= 0.35
    if inlined.self_reported:
        confidence -= 0.1
    if direction is None:
        confidence -= 0.1
    if not is_pure(tree) or any((called_name(call) or "") in MULTI_VALUED for call in calls(tree)):
        confidence -= 0.2
    if sighting.label is _REPORT_LABEL:
        confidence -= 0.1
    held_out = [*names, *string_keys(tree), _words(sighting.label)]
    if any(is_training_name(name) for name in held_out):
        confidence -= 0.3
    elif any(is_held_out_name(name) for name in held_out):
        confidence += 0.05
    return max(0.0, min(1.0, confidence - min(0.02 * age, 0.2)))


def _direction(tree: ast.expr) -> Direction | None:
    match tree:
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _opposite(_direction(inner))
        case ast.BinOp(left=ast.Constant(), op=ast.Sub() | ast.Div(), right=inner):
            return _opposite(_direction(inner))
    scoring = [
        keyword.value.value
        for call in calls(tree)
        for keyword in call.keywords
        if keyword.arg == "scoring" and isinstance(keyword.value, ast.Constant)
    ]
    if scoring and isinstance(scoring[0], str):
        # scikit-learn's scorers are all made so that larger is better; `neg_` names the negated errors.
        return Direction.MAXIMIZE
    return _direction_of_calls(tree) or _direction_of_names(tree)


def _direction_of_calls(tree: ast.expr) -> Direction | None:
    """By the outermost function whose name tells."""
    for call in calls(tree):
        name = called_name(call) or ""
        if name == "evaluate":
            continue
        found = direction_of_name(name)
        if found is not None:
            return found
    return None


def _direction_of_names(tree: ast.expr) -> Direction | None:
    if isinstance(tree, ast.Attribute):
        return direction_of_name(tree.attr.rstrip("_")) or _direction_of_names(tree.value)
    if any(isinstance(node, ast.Compare) for node in ast.walk(tree)):
        # `(pred == y_val).mean()` counts hits, `(pred != y_val).mean()` misses.
        missed = any(isinstance(node, ast.NotEq) for node in ast.walk(tree))
        return Direction.MINIMIZE if missed else Direction.MAXIMIZE
    named = (direction_of_name(name) for name in [*string_keys(tree), *names_read(tree)])
    return next((found for found in named if found is not None), None)


def _opposite(direction: Direction | None) -> Direction | None:
    if direction is None:
        return None
    return Direction.MINIMIZE if direction is Direction.MAXIMIZE else Direction.MAXIMIZE


def _words(label: str) -> str:
    """`Test accuracy: ` as a variable would be named, `test_accuracy`."""
    return "_".join("".join(char if char.isalnum() else " " for char in label).split())
