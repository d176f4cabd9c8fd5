"""What a notebook's task and data look like, in a few numbers: how like two notebooks are."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from jupyter_mlagent.agent.situation import Kind, read_situation
from jupyter_mlagent.records import Direction, State, Task
from jupyter_mlagent.reward.roles import Roles, roles

_SHAPE = re.compile(r"\b(\d+)(?: rows)? ?x ?(\d+)\b")
DECADES = 2.0
"""Rows that differ by this many powers of ten have nothing in common."""


@dataclass(frozen=True)
class Profile:
    kind: Kind
    measure: str
    """The metric's functions, e.g. `f1_score`."""
    direction: Direction | None
    rows: int | None
    columns: int | None
    plain: bool
    """Whether all columns are numbers without gaps."""
    text: bool

    @property
    def told(self) -> str:
        """`classification, 569 rows x 30 columns`."""
        size = "" if self.rows is None else f", {self.rows:,} rows x {self.columns} columns"
        return f"{self.kind.value}{size}{', texts' if self.text else ''}"


def profile_of(state: State, task: Task) -> Profile:
    parts = roles(task.metric.expression) if task.metric else Roles()
    situation = read_situation(state, task, parts)
    variables = {variable.name: variable.summary for variable in state.variables}
    data = [variables[name] for name in (*situation.trained_on, *parts.features) if name in variables]
    shape = next((found for text in data if (found := _SHAPE.search(text))), None)
    rows, columns = (int(shape[1]), int(shape[2])) if shape else (None, None)
    return Profile(
        kind=situation.kind,
        measure=" ".join(sorted({*parts.functions})),
        direction=task.metric.direction if task.metric else None,
        rows=rows,
        columns=columns,
        plain=situation.plain_numbers,
        text=situation.text or situation.sparse,
    )


def likeness(one: Profile, other: Profile) -> float:
    """In [0, 1]; 0 for another kind of problem, or texts against tables: nothing carries over."""
    if one.kind is not other.kind or one.text is not other.text:
        return 0.0
    size = _near(one.rows, other.rows) * _near(one.columns, other.columns)
    same = 1.0 if one.measure == other.measure and one.direction is other.direction else 0.6
    return same * (0.3 + 0.5 * size + 0.2 * (one.plain is other.plain))


def _near(one: int | None, other: int | None) -> float:
    """1 for equal sizes, 0 from `DECADES` powers of ten on, one half where a size is unknown."""
    if not one or not other:
        return 0.5
    return max(0.0, 1.0 - abs(math.log10(one / other)) / DECADES)
