"""The tasks that come with the package: some to learn from, others to be judged by."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from local_rl.tasks.errors import TaskError
from local_rl.tasks.folder import TaskFolder

SUITE = Path(__file__).parent / "suite"


class Split(StrEnum):
    TRAIN = "train"
    HELD_OUT = "held-out"

    @property
    def folder(self) -> Path:
        return SUITE / self.value.replace("-", "_")


def tasks(split: Split) -> tuple[TaskFolder, ...]:
    """The bundled tasks of one split, by id."""
    return tuple(TaskFolder.open(spec.parent) for spec in sorted(split.folder.glob("*/task.toml")))


def find(name: str) -> TaskFolder:
    """A bundled task by id, or any task folder by path. Raises TaskError listing the ids."""
    known = {folder.id: folder for split in Split for folder in tasks(split)}
    if name in known:
        return known[name]
    if Path(name).is_dir():
        return TaskFolder.open(Path(name))
    raise TaskError(
        f"There is no task '{name}' and no such folder; bundled tasks: {', '.join(sorted(known))}."
    )
