"""Find what a notebook measures: the scores that its last cells print or compute."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jupyter_mlagent.records import Cell, Direction
from jupyter_mlagent.reward.definitions import Definitions
from jupyter_mlagent.reward.expressions import called_name, calls, names_read, parse_expression, string_keys
from jupyter_mlagent.reward.inline import Inlined, inline_with, is_pure, strip_format
from jupyter_mlagent.reward.metric_names import (
    MULTI_VALUED,
    direction_of_name,
    is_held_out_name,
    is_training_name,
)
from jupyter_mlagent.reward.sightings import Sighting, sightings, words_of


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
        for sighting in sightings(cell.source, definitions):
            candidate = _candidate(sighting, number, age, definitions)
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


def _candidate(sighting: Sighting, number: int, age: int, definitions: Definitions) -> MetricCandidate:
    source = ast.unparse(ast.fix_missing_locations(sighting.tree))
    inlined = _averaged(inline_with(source, definitions))
    tree = parse_expression(inlined.expression) or sighting.tree
    direction = _direction(tree) or _direction(sighting.tree) or direction_of_name(words_of(sighting.label))
    where = {"printed": "printed in", "shown": "shown by", "computed": "computed in"}[sighting.how]
    return MetricCandidate(
        expression=inlined.expression,
        direction=direction,
        origin=f"{where} cell {number}",
        confidence=_confidence(sighting, inlined, tree, direction, age),
        inlined=inlined,
    )


def _averaged(inlined: Inlined) -> Inlined:
    """The mean of what gives one score for each fold."""
    tree = parse_expression(inlined.expression)
    folds = tree.value if isinstance(tree, ast.Subscript) else tree
    if (
        folds is None
        or called_name(folds) not in ("cross_val_score", "cross_validate")
        or (tree is folds and called_name(folds) == "cross_validate")
    ):
        return inlined
    return replace(inlined, expression=f"{inlined.expression}.mean()")


def _confidence(
    sighting: Sighting, inlined: Inlined, tree: ast.expr, direction: Direction | None, age: int
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
    if not is_pure(tree) or (called_name(tree) or "") in MULTI_VALUED:
        confidence -= 0.2
    if sighting.stands_in:
        confidence -= 0.1
    held_out = [*names, *string_keys(tree), words_of(sighting.label)]
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
