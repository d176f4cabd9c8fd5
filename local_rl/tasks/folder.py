"""A task folder: its files, by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from local_rl.tasks.errors import TaskError
from local_rl.tasks.spec import TaskSpec, read_spec

PREPARE_FILE = "prepare.py"
GRADE_FILE = "grade.py"
STARTER_FILE = "starter.ipynb"
REFERENCE_FILE = "reference.py"
LATE_PATTERN = "late_*.ipynb"
SUBMISSION_FILE = "submission.csv"


@dataclass(frozen=True)
class TaskFolder:
    path: Path
    spec: TaskSpec

    @classmethod
    def open(cls, path: Path) -> TaskFolder:
        """Read task.toml and see that the files are there. Raises TaskError naming what is missing."""
        path = path.absolute()
        if not path.is_dir():
            raise TaskError(f"{path} is no folder; give the folder that holds a task.toml.")
        folder = cls(path, read_spec(path))
        for file in folder._needed:
            if not file.exists():
                raise TaskError(f"Task '{folder.id}' lacks {file}.")
        return folder

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def starter(self) -> Path:
        return self.path / STARTER_FILE

    @property
    def late_states(self) -> tuple[Path, ...]:
        """Notebooks in which a strong model is already in place, by name."""
        return tuple(sorted(self.path.glob(LATE_PATTERN)))

    @property
    def reference(self) -> Path | None:
        """`reference.py` with `solve(public: Path, submission: Path)`; None where a user's task has none."""
        path = self.path / REFERENCE_FILE
        return path if path.exists() else None

    @property
    def prepare(self) -> Path:
        return self.path / PREPARE_FILE

    @property
    def grader(self) -> Path:
        return self.path / (self.spec.wrapped.grader if self.spec.wrapped else GRADE_FILE)

    @property
    def _needed(self) -> tuple[Path, ...]:
        wrapped = self.spec.wrapped
        if wrapped is None:
            return (self.prepare, self.grader, self.starter)
        private = self.path / wrapped.private
        return (self.path / wrapped.public, private, private / wrapped.answers, self.grader, self.starter)
