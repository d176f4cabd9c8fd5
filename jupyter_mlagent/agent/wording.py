"""The sentences of the prompt, short and concrete: for models of 0.5 to 1.5 billion parameters."""

from __future__ import annotations

from jupyter_mlagent.agent.clip import clip_line, one_line
from jupyter_mlagent.records import Direction, Operator, Task
from jupyter_mlagent.reward.roles import Roles

EXPRESSION = 400
DESCRIPTION = 400
HINT = 500

SYSTEM = (
    "You are a machine learning engineer. You write the next cell of a running Python notebook. "
    "Answer with one line that starts with PLAN: and then one ```python code block, nothing else."
)


def goal(task: Task) -> str:
    """What should get better; the same for every request of a task."""
    described = f"{one_line(task.description, DESCRIPTION)}\n" if task.description.strip() else ""
    if task.metric is None:
        return f"{described}Goal: train a first model and print a validation score."
    word = "higher" if task.metric.direction is Direction.MAXIMIZE else "lower"
    return f"{described}Goal: a {word} value of {clip_line(task.metric.expression, EXPRESSION)}"


def rules(task: Task, roles: Roles) -> str:
    """What the cell must do for its effect to be measured."""
    lines = []
    names = target_names(roles)
    if task.metric is not None and names:
        listed = " and ".join(names)
        lines.append(
            f"- The metric reads {listed}: assign the new one to {listed} and fit it on the training data."
        )
    if roles.data:
        lines.append(f"- Never assign or modify {', '.join(roles.data)}.")
    lines.append("- Import what you use. Use the variables that exist. One complete cell.")
    lines.append("- No installs, downloads, files or plots. It must finish within a few seconds on 2 cores.")
    return "\n".join(lines)


def target_names(roles: Roles) -> tuple[str, ...]:
    """What a new cell is to rebind: the model, or else the predictions."""
    return roles.models or roles.others


def instruction(operator: Operator, roles: Roles, error: str = "") -> str:
    """The step that is asked for."""
    if operator is Operator.DEBUG:
        raised = f" It raised {error}." if error else ""
        return f"The last cell failed.{raised} Write the whole corrected cell that takes its place."
    if operator is Operator.DRAFT:
        return "Write a cell that tries a fresh approach, with a kind of model that was not tried yet."
    return "Write a cell that improves the result by changing one thing."


def reply_form(roles: Roles) -> str:
    names = target_names(roles)
    assigned = f"{names[0]} = ..." if names else "..."
    return f"Answer in this form:\nPLAN: <one sentence>\n```python\n<imports>\n{assigned}\n```"
