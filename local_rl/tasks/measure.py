"""Measures a task's own scores and writes them into its task.toml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local_rl.tasks.errors import TaskError
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.running import Scored, score_notebook, score_reference
from local_rl.tasks.spec import Measured, write_measured


@dataclass(frozen=True)
class Row:
    name: str
    scored: Scored


def measure(path: Path) -> tuple[TaskFolder, list[Row]]:
    """Run starter, reference and late states, record their scores, and return the folder read anew.

    Raises TaskError when one of them fails, or when the reference is no better than the starter.
    """
    folder = TaskFolder.open(path)
    baseline, reference = score_notebook(folder, folder.starter), score_reference(folder)
    late = [Row(notebook.name, score_notebook(folder, notebook)) for notebook in folder.late_states]
    if folder.spec.direction.sign * (reference.score - baseline.score) <= 0:
        raise TaskError(
            f"reference.py of task '{folder.id}' scores {reference.score:.6g}, no better than the starter's "
            f"{baseline.score:.6g}; nothing was recorded."
        )
    measured = Measured(
        baseline=baseline.score,
        reference=reference.score,
        late=tuple(row.scored.score for row in late),
    )
    write_measured(folder.path, measured)
    return TaskFolder.open(path), [Row(folder.starter.name, baseline), *late, Row("reference.py", reference)]
