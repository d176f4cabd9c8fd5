"""Runs one function of a task's own code and writes a report: `python -m local_rl.tasks.worker JOB REPORT`.

Task code is a stranger's: it may raise, print, hang or exit. Here it can do so without harm, and whoever
asked reads one JSON report from a file that nothing printed can disturb.
"""

from __future__ import annotations

import importlib.util
import math
import numbers
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from jupyter_mlagent.records import Record
from local_rl.tasks.errors import InvalidSubmission


class Job(Record):
    file: str
    """The task's Python file."""
    function: str
    arguments: tuple[str, ...]
    """Paths, handed over as `Path`."""
    as_tables: bool = False
    """Hand over data frames read from the (CSV) paths: the signature of MLE-bench's graders."""


class Report(Record):
    value: float | None = None
    invalid: str = ""
    """The sentence of an InvalidSubmission."""
    failure: str = ""
    """Why the code failed, in one clause."""


def run(job: Job) -> Report:
    """Never raises for what the task's code does."""
    try:
        value = _function(job)(*_arguments(job))
    except InvalidSubmission as error:
        return Report(invalid=str(error))
    except BaseException as error:
        if type(error).__name__ == "InvalidSubmissionError":  # MLE-bench's name for it
            return Report(invalid=str(error))
        return Report(failure=_clause(error, Path(job.file)))
    if value is None:
        return Report()
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return Report(failure=f"returned {type(value).__name__} instead of a number")
    if not math.isfinite(value):
        return Report(failure=f"returned {value}, which is no score")
    return Report(value=float(value))


def _function(job: Job) -> Callable[..., Any]:
    path = Path(job.file)
    spec = importlib.util.spec_from_file_location(f"task_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    if job.as_tables:
        _stand_in_for_mlebench()
    # A grader's neighbours (MLE-bench keeps constants beside it) are importable as they are there.
    sys.path.append(str(path.parent))
    spec.loader.exec_module(module)
    function = getattr(module, job.function, None)
    if not callable(function):
        raise TypeError(f"it defines no function '{job.function}'")
    return function  # type: ignore[no-any-return]


def _arguments(job: Job) -> list[Any]:
    if not job.as_tables:
        return [Path(argument) for argument in job.arguments]
    import pandas as pd

    tables = []
    for argument in job.arguments:
        try:
            tables.append(pd.read_csv(argument))
        except (OSError, ValueError) as error:
            raise InvalidSubmission(f"{Path(argument).name} cannot be read as CSV ({error}).") from error
    return tables


def _stand_in_for_mlebench() -> None:
    """MLE-bench's graders import their error class from its package; give them one where that is absent."""
    if importlib.util.find_spec("mlebench") is not None:
        return
    package, helpers = ModuleType("mlebench"), ModuleType("mlebench.grade_helpers")
    package.__path__ = []
    error = type("InvalidSubmissionError", (Exception,), {})
    helpers.InvalidSubmissionError = error  # type: ignore[attr-defined]
    sys.modules.update({"mlebench": package, "mlebench.grade_helpers": helpers})


def _clause(error: BaseException, file: Path) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    where = f" at line {frames[-1].lineno}" if frames else ""
    return f"raised {type(error).__name__}{where}: {error}"


def main(job_file: str, report_file: str) -> None:
    report = run(msgspec.json.decode(Path(job_file).read_bytes(), type=Job))
    Path(report_file).write_bytes(msgspec.json.encode(report))


if __name__ == "__main__":
    main(*sys.argv[1:])
