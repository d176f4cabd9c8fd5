"""Runs a task's notebook or reference as the agent meets it: with public data and without answers."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from local_rl.tasks import hide
from local_rl.tasks.errors import TaskError
from local_rl.tasks.folder import SUBMISSION_FILE, TaskFolder
from local_rl.tasks.grading import grade
from local_rl.tasks.preparing import Prepared, prepared
from local_rl.tasks.process import call
from local_rl.tasks.worker import Job

PUBLIC = "public"
"""The data's folder in a workspace; notebooks read `public/train.csv`."""


@dataclass(frozen=True)
class Scored:
    score: float
    seconds: float
    """Wall time of the notebook's cells or of `solve`, without preparing and grading."""


def fill_workspace(workspace: Path, data: Prepared) -> None:
    """Put a copy of the public data into `workspace`/public: what a cell does to it reaches nobody else."""
    shutil.copytree(data.public, workspace / PUBLIC)


def score_notebook(folder: TaskFolder, notebook: Path) -> Scored:
    """Run a notebook from top to bottom in a fresh workspace and grade the submission.csv that it writes.

    Raises TaskError when a cell raises or the time limit passes, InvalidSubmission when its file cannot be
    scored.
    """
    data = prepared(folder)
    with TemporaryDirectory(prefix="mlagent-task-") as place:
        workspace = Path(place, "workspace")
        fill_workspace(workspace, data)
        seconds = _execute(folder, notebook, workspace, data)
        return Scored(grade(folder, workspace / SUBMISSION_FILE), seconds)


def score_reference(folder: TaskFolder) -> Scored:
    """Run reference.py on the public data and grade what it wrote. Raises TaskError when there is none."""
    if folder.reference is None:
        raise TaskError(f"Task '{folder.id}' has no reference.py, so its reference score cannot be measured.")
    with TemporaryDirectory(prefix="mlagent-task-") as place:
        fill_workspace(Path(place), prepared(folder))
        submission = Path(place, SUBMISSION_FILE)
        job = Job(
            file=str(folder.reference), function="solve", arguments=(f"{place}/{PUBLIC}", str(submission))
        )
        start = time.perf_counter()
        call(folder.id, job, folder.spec.time_limit)
        seconds = time.perf_counter() - start
        return Scored(grade(folder, submission), seconds)


def read_notebook(notebook: Path) -> Any:
    """The notebook as nbformat reads it. Raises TaskError when it is none."""
    import nbformat

    try:
        return nbformat.read(notebook, as_version=4)
    except Exception as error:
        raise TaskError(f"{notebook} is no notebook that can be read ({type(error).__name__}).") from error


def _execute(folder: TaskFolder, notebook: Path, workspace: Path, data: Prepared) -> float:
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    what = f"{notebook.name} of task '{folder.id}'"
    client = NotebookClient(
        read_notebook(notebook),
        kernel_name=hide.KERNELSPEC if hide.available() else "python3",
        timeout=folder.spec.time_limit,
        resources={"metadata": {"path": str(workspace)}},
    )
    client.create_kernel_manager()
    if hide.available():
        kernels = workspace.parent / "kernels"
        hide.write_kernelspec(kernels, data.hidden)
        client.km.kernel_spec_manager = KernelSpecManager(kernel_dirs=[str(kernels)])
    # Unix sockets in a private folder: what the kernel says never crosses a TCP port.
    client.km.transport, client.km.ip = "ipc", str(workspace.parent / "kernel")
    start = time.perf_counter()
    try:
        client.execute()
    except CellExecutionError as error:
        raise TaskError(f"{what} raised {error.ename}: {error.evalue}") from error
    except CellTimeoutError as error:
        raise TaskError(f"{what} did not finish within {folder.spec.time_limit:g} seconds.") from error
    except DeadKernelError as error:
        raise TaskError(f"{what} ended its kernel.") from error
    return time.perf_counter() - start
