"""A task's code in a process of its own: started, waited for, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from local_rl.tasks.errors import InvalidSubmission, TaskError
from local_rl.tasks.worker import Job, Report

TAIL_CHARACTERS = 300
HASH_SEED = "0"


def call(task_id: str, job: Job, seconds: float) -> float | None:
    """Run `job` to its end and return its number, or None where the function returns nothing.

    Raises InvalidSubmission with the grader's own sentence, TaskError when the code raised, returned no
    number, took longer than `seconds`, or took its process with it.
    """
    name = Path(job.file).name
    with TemporaryDirectory(prefix="mlagent-task-") as scratch:
        job_file, report_file = Path(scratch, "job.json"), Path(scratch, "report.json")
        job_file.write_bytes(msgspec.json.encode(job))
        tail = _run([str(job_file), str(report_file)], f"{name} of task '{task_id}'", seconds, Path(scratch))
        if not report_file.exists():
            raise TaskError(f"{name} of task '{task_id}' ended its process without a result{tail}.")
        report = msgspec.json.decode(report_file.read_bytes(), type=Report)
    if report.invalid:
        raise InvalidSubmission(report.invalid)
    if report.failure:
        raise TaskError(f"{name} of task '{task_id}': {job.function} {report.failure}.")
    return report.value


def _run(arguments: list[str], what: str, seconds: float, cwd: Path) -> str:
    """Wait for the worker; returns the end of what it printed to stderr, for a message."""
    path = os.pathsep.join(filter(None, sys.path))
    process = subprocess.Popen(
        [sys.executable, "-m", "local_rl.tasks.worker", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": path,
            "PYTHONHASHSEED": HASH_SEED,
        },
        start_new_session=True,
    )
    try:
        _, stderr = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise TaskError(f"{what} did not finish within {seconds:g} seconds.") from None
    finally:
        # Also what it started: a session of its own is a group of its own.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    said = stderr.decode(errors="replace").strip()[-TAIL_CHARACTERS:]
    return f" (it said: {said})" if said else ""
