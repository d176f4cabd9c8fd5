"""Given a process that stands for a kernel, when a cell runs in a guarded fork of it, then: see `confine`."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

_PROGRAM = Path(__file__).with_name("confined_cell.py")
_PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Outcome:
    """What became of one cell."""

    tier: str
    reason: str = ""
    answer: Any = None
    """What the cell left in its variable `answer`."""
    kernel: Any = None
    """What the code run in the kernel afterwards left in `answer`."""
    error: str | None = None
    errno: int | None = None
    blocked: str | None = None
    status: str = ""
    """`exit N`, `signal N`, `memory`, `processes`, `disk` or `late`."""
    peak: int = 0
    processes: int = 0
    enter_seconds: float = 0.0
    failed: str | None = None
    effects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    observations: dict[str, list[str]] = field(default_factory=dict)

    @property
    def changes(self) -> dict[str, str]:
        """Path -> created, modified or deleted."""
        return {change["path"]: change["change"] for change in self.effects["files"]}


Confine = Callable[..., Outcome]


def _stranger() -> tuple[list[str], str] | None:
    """How to run a program as some ordinary user, and an interpreter that user may execute."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return None
    user = pwd.getpwnam("nobody")
    prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    again = "import os, sys; os.execv(sys.executable, [sys.executable, '-c', ''])"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            if subprocess.run([*prefix, python, "-c", again], capture_output=True).returncode == 0:
                return prefix, python
        except OSError:
            continue
    return None


STRANGER = _stranger()


@pytest.fixture(params=["self", "nobody"])
def user(request: pytest.FixtureRequest) -> str:
    """Who runs the kernel: whoever runs the tests, or (for root's sake) an ordinary user."""
    if request.param == "nobody" and STRANGER is None:
        pytest.skip("only root can run a kernel as somebody else")
    return str(request.param)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory everybody may write to, outside pytest's private ones."""
    with tempfile.TemporaryDirectory(prefix="guard-test-") as directory:
        path = Path(directory)
        path.chmod(0o777)
        yield path


@pytest.fixture
def confine(place: Path) -> Confine:
    """confine(cell, before=..., after=...): run `cell` in a guarded fork of a process that ran `before`.

    `after` runs in that process once the trial is over, to look for traces. The sources share their
    variables the way cells do; `place` is the working directory unless `cwd` says otherwise.
    """

    def run(
        cell: str,
        *,
        before: str = "",
        after: str = "",
        tier: str = "namespaces",
        user: str = "self",
        cwd: Path | None = None,
        environment: dict[str, str] | None = None,
        python: str | None = None,
        seconds: float = 30.0,
        **limits: int,
    ) -> Outcome:
        request = {
            "before": dedent(before),
            "cell": dedent(cell),
            "after": dedent(after),
            "tier": tier,
            "seconds": seconds,
            "limits": limits,
        }
        prefix, usual = ([], sys.executable) if user == "self" or STRANGER is None else STRANGER
        finished = subprocess.run(
            [*prefix, python or usual, str(_PROGRAM)],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            cwd=cwd or place,
            env={**os.environ, **environment} if environment is not None else None,
            timeout=_PATIENCE_SECONDS,
        )
        assert finished.returncode == 0, finished.stderr
        outcome = Outcome(**json.loads(finished.stdout))
        assert outcome.failed is None, outcome.failed
        return outcome

    return run
