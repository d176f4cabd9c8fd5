"""Settle on a session's metric: the person's expression, or the best one found in the notebook."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from jupyter_mlagent.errors import MetricError
from jupyter_mlagent.records import Cell, Direction, Metric
from jupyter_mlagent.reward.detect import MetricCandidate, detect_metrics, direction_of
from jupyter_mlagent.reward.inline import inline_metric

EXAMPLE = "accuracy_score(y_val, model.predict(X_val))"


def choose_metric(
    cells: Sequence[Cell], expression: str | None = None, direction: Direction | None = None
) -> Metric:
    """The metric as it will be evaluated after each step.

    Variables that hold a score are replaced by what computes them, so that a later cell changes the value.
    Raises MetricError: none found, not a Python expression, direction unknown, or a bare variable.
    """
    if expression is None:
        found = found_metrics(cells)
        if not found:
            raise MetricError(
                f"No metric was found in the notebook's last cells; name one, e.g. --metric "
                f'"{EXAMPLE}" --maximize.'
            )
        best = found[0]
        return _settle(cells, best.expression, direction or best.direction, best.origin)
    _check_expression(expression)
    return _settle(cells, expression, direction or direction_of(expression), "given")


def may_be_read_later(reason: str) -> bool:
    """Whether a metric that cannot be read for this reason may be readable after a next cell: something that
    it names is not there, or not fitted.
    """
    return any(f": {error}" in reason for error in ("NameError", "NotFittedError"))


def unreadable(metric: Metric, reason: str) -> str:
    """One sentence for a metric that no next cell will make readable."""
    return (
        f"The metric '{metric.expression}' does not serve here ({reason.rstrip('.')}); give an expression "
        f"that takes a number from the notebook's variables, e.g. {EXAMPLE}."
    )


def found_metrics(cells: Sequence[Cell]) -> list[MetricCandidate]:
    """Metric candidates of a notebook, best first."""
    return detect_metrics(cells)


def _check_expression(expression: str) -> None:
    try:
        ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise MetricError(
            f"The metric '{expression}' is not a Python expression ({error.args[0]}); "
            f'write it as e.g. "{EXAMPLE}".'
        ) from None


def _settle(cells: Sequence[Cell], expression: str, direction: Direction | None, origin: str) -> Metric:
    inlined = inline_metric(expression.strip(), cells)
    if inlined.settable:
        raise MetricError(
            f"The metric '{expression}' is a variable that any cell could set; "
            f"give the expression that computes it, e.g. {EXAMPLE}."
        )
    if direction is None:
        raise MetricError(
            f"Is a larger '{inlined.expression}' better, or a smaller one? Add --maximize or --minimize."
        )
    return Metric(expression=inlined.expression, direction=direction, origin=origin)
