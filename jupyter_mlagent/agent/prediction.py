"""What a cell will measure, said before its trial: from the nearest of the cells that were tried already.

Pure, and cheap beside a trial: no model is asked. A language model's own guess at a number is text like any
other; what earlier cells of the same notebook measured is evidence. Cells are near each other when they call
the same estimators and operations with the same settings. The interval is as wide as these predictions have
been wrong so far, so that it means what it says.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from jupyter_mlagent.agent.families import classify
from jupyter_mlagent.agent.source import parse_cell
from jupyter_mlagent.records import Prediction

NEIGHBOURS = 6
PRIOR_WEIGHT = 0.15
"""Of `nothing changes`, against a neighbour that is the same cell (1)."""
PRIOR_WIDTH = 0.1
"""Half the interval's width relative to the metric, until enough earlier predictions can be judged."""
COVERAGE = 0.8
"""Share of outcomes that are to lie inside the interval."""
ENOUGH = 5
"""Earlier predictions with a known outcome from which the interval's width is taken."""


@dataclass(frozen=True)
class Precedent:
    """A cell whose outcome is known."""

    code: str
    metric_before: float | None
    metric_after: float | None
    """None: it failed, or could not be measured."""
    same_task: bool = True
    """Whether it was measured on the same data by the same metric; else only its relative change counts."""
    predicted: float | None = None
    """What was predicted of it."""


def predict(code: str, before: float | None, tried: Sequence[Precedent]) -> Prediction | None:
    """None where nothing can be said: no metric now, or no cell was tried yet."""
    if before is None or not math.isfinite(before) or not tried:
        return None
    traits = traits_of(code)
    alike = [(_likeness(traits, traits_of(cell.code)), cell) for cell in tried]
    alike.sort(key=lambda pair: -pair[0])  # stable: of equals the earliest
    near = [(weight, cell) for weight, cell in alike[:NEIGHBOURS] if weight > 0]
    measured = [(weight, value) for weight, cell in near if (value := _expected(cell, before)) is not None]
    total = sum(weight for weight, _ in measured) + PRIOR_WEIGHT
    # Shares, so that no sum leaves the range of its values.
    metric = sum(weight / total * value for weight, value in measured) + PRIOR_WEIGHT / total * before
    weights = sum(weight for weight, _ in near)
    ran = sum(weight for weight, cell in near if cell.metric_after is not None)
    half = half_width(tried, metric)
    return Prediction(
        metric=metric,
        low=metric - half,
        high=metric + half,
        works=(ran + 1.0) / (weights + 2.0),
        neighbours=len(near),
    )


def half_width(tried: Sequence[Precedent], metric: float) -> float:
    """Half the interval: the error that `COVERAGE` of the earlier predictions of this task stayed within.

    Split conformal prediction (Vovk et al., 2005) over the predictions made so far.
    """
    errors = sorted(
        abs(cell.metric_after - cell.predicted)
        for cell in tried
        if cell.same_task and cell.predicted is not None and cell.metric_after is not None
    )
    if len(errors) < ENOUGH:
        return PRIOR_WIDTH * max(abs(metric), 1e-9)
    return errors[min(len(errors), math.ceil(COVERAGE * (len(errors) + 1))) - 1]


def _expected(cell: Precedent, before: float) -> float | None:
    """What the neighbour lets expect: on the same task what it measured, on another its relative change."""
    after = cell.metric_after
    if after is None or not math.isfinite(after):
        return None
    if cell.same_task:
        return after
    if not cell.metric_before or not math.isfinite(cell.metric_before):
        return None
    change = (after - cell.metric_before) / abs(cell.metric_before)
    return before + max(-1.0, min(1.0, change)) * abs(before)


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Squared Jaccard similarity: cells that share little say little about each other."""
    union = len(one | other)
    return (len(one & other) / union) ** 2 if union else 0.0


@lru_cache(maxsize=4096)
def traits_of(code: str) -> frozenset[str]:
    """Estimators, operations, what is called, and with which settings."""
    kinds = classify(code)
    found = {*kinds.families, *kinds.operations, *kinds.estimators}
    module = parse_cell(code)
    for node in ast.walk(module) if module is not None else ():
        if isinstance(node, ast.Call):
            name = _name(node.func)
            found.add(f"{name}()")
            found |= {f"{name}({word.arg}={ast.unparse(word.value)})" for word in node.keywords if word.arg}
    return frozenset(found)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


@dataclass(frozen=True)
class Calibration:
    """How good predictions were."""

    count: int
    mean_absolute_error: float
    mean_relative_error: float
    """Absolute error as a share of the metric that was measured."""
    inside: float
    """Share of outcomes inside the interval; `COVERAGE` of them are meant to be."""
    ran: float
    """Share of the predicted cells that ran,"""
    ran_expected: float
    """and the share that was expected to."""


def calibration(outcomes: Sequence[tuple[Prediction, float | None]]) -> Calibration | None:
    """Of predictions beside what was measured (None: the cell failed); None while none was measured."""
    pairs = [(said, value) for said, value in outcomes if value is not None and math.isfinite(value)]
    if not pairs:
        return None
    errors = [abs(said.metric - value) for said, value in pairs]
    shares = [error / max(abs(value), 1e-9) for error, (_, value) in zip(errors, pairs, strict=True)]
    return Calibration(
        count=len(pairs),
        mean_absolute_error=sum(errors) / len(pairs),
        mean_relative_error=sum(shares) / len(pairs),
        inside=sum(said.low <= value <= said.high for said, value in pairs) / len(pairs),
        ran=len(pairs) / len(outcomes),
        ran_expected=sum(said.works for said, _ in outcomes) / len(outcomes),
    )
