"""Runs what could crash in a process of its own, so that a crash is a finding and not the doctor's end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from jupyter_mlagent.records import Record


class ChildResult(Record):
    returncode: int
    """Negative: the signal that ended it."""
    answer: dict[str, Any] | None = None
    """The last line of its output, when that is a JSON object."""
    last_error_line: str = ""
    timed_out: bool = False

    @property
    def signal(self) -> int | None:
        return -self.returncode if self.returncode < 0 else None


def run_module(module: str, arguments: Sequence[str] = (), seconds: float = 120.0) -> ChildResult:
    """`python -m module`; it is expected to print one JSON object."""
    # -P: a file of the person's working directory must not stand in for a module of Python's own.
    command = [sys.executable, "-P", "-m", module, *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ChildResult(returncode=-1, timed_out=True)
    errors = [line for line in done.stderr.splitlines() if line.strip()]
    return ChildResult(
        returncode=done.returncode,
        answer=_last_object(done.stdout),
        last_error_line=errors[-1].strip() if errors else "",
    )


def _last_object(output: str) -> dict[str, Any] | None:
    lines = output.strip().splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None
