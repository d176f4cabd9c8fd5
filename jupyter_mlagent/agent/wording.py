"""The sentences of the prompt, short and concrete: for models of 0.5 to 1.5 billion parameters."""

from __future__ import annotations

from collections.abc import Sequence

from jupyter_mlagent.agent.clip import clip_line, one_line
from jupyter_mlagent.agent.idea import Idea
from jupyter_mlagent.agent.situation import Kind, Situation
from jupyter_mlagent.records import Direction, Operator, Task
from jupyter_mlagent.reward.roles import Roles

EXPRESSION = 400
DESCRIPTION = 400
HINT = 500
OUTLINE = 140

SYSTEM = (
    "You are a machine learning engineer. You write the next cell of a running Python notebook. "
    "Answer with one ```python block and nothing else. Its first line is a comment that starts with # PLAN:"
)


def goal(task: Task) -> str:
    """What should get better; the same for every request of a task."""
    described = f"{one_line(task.description, DESCRIPTION)}\n" if task.description.strip() else ""
    if task.metric is None:
        return f"{described}Goal: train a first model and print a validation score."
    word = "higher" if task.metric.direction is Direction.MAXIMIZE else "lower"
    return f"{described}Goal: a {word} value of {clip_line(task.metric.expression, EXPRESSION)}"


def instruction(operator: Operator, situation: Situation, value: float | None, error: str = "") -> str:
    """The step that is asked for."""
    now = f"The metric is now {value:.5g}. " if value is not None else ""
    if operator is Operator.DEBUG:
        raised = f" with {error}" if error else ""
        return f"{now}The last cell failed{raised}. Write that one cell again, corrected."
    if not situation.model:
        return f"{now}Write the next cell: train a model and print its score on data it was not trained on."
    what = "model" if operator is Operator.IMPROVE else "model of another kind"
    better = f"Write the next cell: train a better {what} and assign it to {situation.model}."
    if situation.kind is Kind.CLUSTERING or situation.neural:
        better = f"Write the next cell: make {situation.model} better."
    return f"{now}{better}"


def rules(situation: Situation, parts: Roles) -> str:
    """What the cell must do for its effect to be measured."""
    lines = []
    if situation.model:
        lines.append(f"- Put the result into {' and '.join(situation.targets)}: nothing else is measured.")
    if parts.labels:
        lines.append(f"- Never change {', '.join(parts.labels)}.")
    lines.append("- The variables exist: do not load, create or split the data again.")
    lines.append("- Import every class that you use; no lambda, no own classes inside the model.")
    lines.append(
        "- No plots, files, installs or downloads. At most 20 lines that finish within a few seconds."
    )
    return "\n".join(lines)


def ideas_list(ideas: Sequence[Idea]) -> str:
    return "Ideas to choose one from:\n" + "\n".join(f"- {idea.plan}" for idea in ideas) if ideas else ""


def reply_form(situation: Situation, task: Task, *, trains: bool) -> str:
    """The form of the reply, filled with the notebook's own names; `trains`: the cell is to train a model."""
    return (
        f"Answer in this form:\n```python\n# PLAN: <one sentence>\n{_outline(situation, task, trains)}\n```"
    )


def _outline(situation: Situation, task: Task, trains: bool) -> str:
    expression = task.metric.expression if task.metric else ""
    shown = f"\nprint({expression})" if expression and len(expression) <= OUTLINE else ""
    if not trains or not situation.model:
        return "<the cell>"
    lines = ["from ... import ...", f"{situation.model} = ..."]
    if situation.fit_arguments and not situation.cross_validated and len(situation.fit_arguments) <= OUTLINE:
        lines.append(f"{situation.model}.fit({situation.fit_arguments})")
    return "\n".join(lines) + shown
