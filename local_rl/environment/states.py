"""A state of a task: what its notebook holds after some cells, addressed by what was run to get there."""

from __future__ import annotations

import hashlib
from pathlib import Path

from jupyter_mlagent.records import Cell, Metric, Record, State, Task, Variable, source_hash
from local_rl.tasks.folder import SUBMISSION_FILE, TaskFolder
from local_rl.tasks.running import read_notebook
from local_rl.tasks.spec import SPEC_FILE


class EnvState(Record):
    """A notebook that ran from top to bottom; equal hashes: equal task, and equal sources that ran."""

    hash: str
    task_id: str
    notebook: str
    """The file it began as: `starter.ipynb` or a late state."""
    cells: tuple[Cell, ...]
    """Markdown too; code cells with their outputs."""
    variables: tuple[Variable, ...] = ()
    metric_value: float | None = None
    parent: str = ""
    """Hash of the state it was stepped to from; empty for one made by `reset`."""

    @property
    def sources(self) -> tuple[str, ...]:
        """What a replay runs, in order."""
        return tuple(cell.source for cell in self.cells if cell.kind == "code")

    @property
    def state(self) -> State:
        """As prompts and the agent see it."""
        return State(
            notebook=f"{self.task_id}/{self.notebook}",
            cells=self.cells,
            variables=self.variables,
            metric_value=self.metric_value,
        )


def from_journal(state: State) -> EnvState:
    """A state as a journal keeps it, for `Environment.rebuild`; its name is `task/notebook`."""
    task_id, _, notebook = state.notebook.rpartition("/")
    return EnvState(
        hash="", task_id=task_id, notebook=notebook, cells=state.cells, metric_value=state.metric_value
    )


def fingerprint(folder: TaskFolder) -> str:
    """Of what a replay depends on beside the cells: the task, and the code that makes its data."""
    digest = hashlib.sha256((folder.path / SPEC_FILE).read_bytes().split(b"[measured]")[0])
    for file in (folder.prepare, folder.grader):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()


def state_hash(task_fingerprint: str, sources: tuple[str, ...]) -> str:
    """SHA-256 over the task's fingerprint and every source that ran, hexadecimal."""
    digest = hashlib.sha256(task_fingerprint.encode())
    for source in sources:
        digest.update(source_hash(source).encode())
    return digest.hexdigest()


def task_of(folder: TaskFolder) -> Task:
    """The task as the agent is told of it."""
    spec = folder.spec
    metric = Metric(expression=spec.expression, direction=spec.direction) if spec.expression else None
    return Task(metric=metric, description=f"{spec.title}. {spec.description.strip()}")


def cells_of(notebook: Path) -> tuple[Cell, ...]:
    """A notebook's cells without outputs; code cells that are empty are left out."""
    return tuple(
        Cell(id=cell.get("id", f"cell-{place}"), kind=cell.cell_type, source=cell.source)
        for place, cell in enumerate(read_notebook(notebook).cells)
        if cell.cell_type != "code" or cell.source.strip()
    )


def submission_cell(cells: tuple[Cell, ...]) -> Cell | None:
    """The last cell of the original notebook that writes the submission."""
    return next(
        (cell for cell in reversed(cells) if cell.kind == "code" and SUBMISSION_FILE in cell.source), None
    )
