"""Is this folder a task? Everything that is wrong with it, a sentence each."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from local_rl.tasks import audit
from local_rl.tasks.errors import TaskError
from local_rl.tasks.folder import SUBMISSION_FILE, TaskFolder
from local_rl.tasks.grading import grade
from local_rl.tasks.preparing import fingerprint, prepare_into
from local_rl.tasks.running import read_notebook, score_notebook
from local_rl.tasks.tables import SAMPLE_FILE

Stage = tuple[str, Callable[[], None]]
TOLERANCE = 0.01
"""Releases of scikit-learn and other processors move a score a little; a changed task moves it more."""


def stages(folder: TaskFolder, *, run_starter: bool = True) -> Iterator[Stage]:
    """What is checked, in order: a name and a function that raises TaskError with one sentence."""
    yield "notebooks can be read", lambda: notebooks_read(folder)
    if folder.spec.wrapped is None:
        yield "prepare.py gives the same data twice", lambda: repeats(folder)
    yield "the grader scores the sample submission, where there is one", lambda: sample_scores(folder)
    yield "no leak from features or repeated rows", lambda: audit.refuse_leaks(folder)
    if run_starter:
        recorded = "its score is the recorded one" if folder.spec.measured else "its submission gets a score"
        yield f"starter.ipynb runs and {recorded}", lambda: starter_repeats(folder)


def notebooks_read(folder: TaskFolder) -> None:
    """Starter and late states are notebooks whose code compiles and names the submission."""
    for notebook in (folder.starter, *folder.late_states):
        source = "\n".join(cell.source for cell in read_notebook(notebook).cells if cell.cell_type == "code")
        try:
            ast.parse(source)
        except SyntaxError as error:
            raise TaskError(
                f"{notebook}: its code does not compile (line {error.lineno}: {error.msg})."
            ) from error
        if SUBMISSION_FILE not in source:
            raise TaskError(f"{notebook} never writes {SUBMISSION_FILE}.")


def repeats(folder: TaskFolder) -> None:
    """prepare.py run twice writes the same bytes."""
    with TemporaryDirectory(prefix="mlagent-check-") as place:
        first = prepare_into(folder, Path(place, "first"))
        second = prepare_into(folder, Path(place, "second"))
        for part in ("public", "private"):
            one, two = (fingerprint(getattr(made, part)) for made in (first, second))
            differing = sorted(name for name in {*one, *two} if one.get(name) != two.get(name))
            if differing:
                raise TaskError(
                    f"prepare.py of task '{folder.id}' is not deterministic: {part}/{differing[0]} differs "
                    "between two runs; give every random step a fixed seed."
                )


def sample_scores(folder: TaskFolder) -> None:
    """The sample submission among the public data, where there is one, gets a finite score."""
    from local_rl.tasks.preparing import prepared

    sample = prepared(folder).public / SAMPLE_FILE
    if sample.exists():
        grade(folder, sample)


def starter_repeats(folder: TaskFolder) -> None:
    """The starter runs within the limit and scores what task.toml records."""
    scored = score_notebook(folder, folder.starter)
    measured = folder.spec.measured
    if measured is not None:
        same_score(folder, "starter.ipynb", scored.score, measured.baseline)


def same_score(folder: TaskFolder, what: str, score: float, recorded: float) -> None:
    """Raises TaskError when a score strays from the recorded one by more than `TOLERANCE` of it."""
    if abs(score - recorded) > TOLERANCE * max(abs(recorded), 1e-3):
        raise TaskError(
            f"{what} of task '{folder.id}' scored {score:.6g}, but task.toml records {recorded:.6g}; "
            "run `mlagent tasks check DIR --measure` if the change is meant."
        )
