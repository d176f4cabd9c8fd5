"""Which kind of step comes next (ML-Master, arXiv 2506.16499, section 3.1: draft, debug, improve)."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_mlagent.agent.families import classify
from jupyter_mlagent.records import Operator, State, Task

STALL = 2
"""Improve steps in a row without a gain after which a fresh draft is worth a try."""


def choose_operator(state: State, task: Task, history: Sequence[tuple[Operator, bool]] = ()) -> Operator:
    """Debug when the last code cell raised and was not stopped by hand; draft while there is no model or no
    metric; else improve.

    `history` holds this session's earlier steps, oldest first, as (operator, whether the metric got better):
    after `STALL` improve steps without a gain comes one draft.
    """
    last = state.last_code_cell
    if last is not None and last.errored and not last.interrupted:
        return Operator.DEBUG
    if task.metric is None or state.metric_value is None or not has_model(state):
        return Operator.DRAFT
    recent = history[-STALL:]
    if len(recent) == STALL and all(
        operator is Operator.IMPROVE and not better for operator, better in recent
    ):
        return Operator.DRAFT
    return Operator.IMPROVE


def has_model(state: State) -> bool:
    """Whether a cell of the notebook fits an estimator."""
    return any(
        classify(cell.source).families - {"dummy"} or ".fit(" in cell.source
        for cell in state.cells
        if cell.kind == "code"
    )
