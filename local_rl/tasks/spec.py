"""`task.toml` as data.

The numbers under `[measured]` are written by `mlagent tasks check DIR --measure`, never by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from jupyter_mlagent.records import Direction, Record
from local_rl.tasks.errors import TaskError

SPEC_FILE = "task.toml"
ID_PATTERN = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Measured(Record):
    """Scores of this task's own notebooks and reference on the hidden answers."""

    baseline: float
    """Of starter.ipynb."""
    reference: float
    """Of reference.py: a strong solution found without looking at the answers."""
    late: tuple[float, ...] = ()
    """Of the late states, in the order of their names."""
    seed: int = 0
    """The PYTHONHASHSEED they ran under; every other seed stands in the notebooks' own cells."""


class Wrapped(Record):
    """Where a prepared competition in MLE-bench's layout lies; paths are relative to task.toml."""

    public: str
    private: str
    grader: str
    """A Python file with `grade(submission: DataFrame, answers: DataFrame) -> float`."""
    answers: str
    """The answers' file inside `private`."""


class TaskSpec(Record, forbid_unknown_fields=True):
    id: str
    title: str
    description: str
    """Markdown: what is given, what to predict, how it is scored, what submission.csv must hold."""
    metric: str
    """Its name, e.g. `rmsle`."""
    direction: Direction
    expression: str = ""
    """The metric on the notebook's own validation split, over the variables of starter.ipynb."""
    time_limit: float = 600.0
    """Seconds one whole run of a notebook may take."""
    tags: tuple[str, ...] = ()
    source: str = ""
    """Where the data comes from and its licence."""
    measured: Measured | None = None
    wrapped: Wrapped | None = None

    @property
    def gain(self) -> float | None:
        """Relative gain of the reference over the baseline; None before both are measured."""
        return None if self.measured is None else self.relative_gain(self.measured.reference)

    def relative_gain(self, score: float) -> float:
        """direction * (score - baseline) / |baseline|. Raises TaskError when no baseline was measured."""
        if self.measured is None:
            raise TaskError(
                f"Task '{self.id}' has no measured baseline; run `mlagent tasks check DIR --measure` once."
            )
        baseline = self.measured.baseline
        return self.direction.sign * (score - baseline) / max(abs(baseline), 1e-12)


def read_spec(folder: Path) -> TaskSpec:
    """Read and check task.toml. Raises TaskError naming the file and the field."""
    path = folder / SPEC_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise TaskError(f"{folder} is no task folder: it has no {SPEC_FILE}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} cannot be read ({error}).") from error
    try:
        spec = msgspec.toml.decode(text, type=TaskSpec)
    except msgspec.DecodeError as error:
        raise TaskError(f"{path}: {error}.") from error
    if not ID_PATTERN.fullmatch(spec.id):
        raise TaskError(f"{path}: id '{spec.id}' must be lower-case words joined by hyphens.")
    for field in ("title", "description", "metric"):
        if not getattr(spec, field).strip():
            raise TaskError(f"{path}: '{field}' is empty.")
    if spec.time_limit <= 0:
        raise TaskError(f"{path}: time_limit must be a positive number of seconds, not {spec.time_limit:g}.")
    return spec


def write_measured(folder: Path, measured: Measured) -> None:
    """Replace (or add) the `[measured]` table of task.toml; everything else stays as it was typed."""
    path = folder / SPEC_FILE
    text = re.sub(r"\n*^\[measured\]\n(?:(?!\[).*\n?)*", "\n", path.read_text(encoding="utf-8"), flags=re.M)
    late = ", ".join(f"{score:.6g}" for score in measured.late)
    table = (
        f"[measured]\nbaseline = {float(f'{measured.baseline:.6g}')!r}\n"
        f"reference = {float(f'{measured.reference:.6g}')!r}\nlate = [{late}]\nseed = {measured.seed}\n"
    )
    path.write_text(f"{text.rstrip()}\n\n{table}", encoding="utf-8")
