"""Starts a peer on a task and turns its submission into a trajectory of one step."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jupyter_mlagent.records import Record
from local_rl.scoreboard.records import StepRow, Trajectory
from local_rl.tasks.errors import InvalidSubmission, TaskError
from local_rl.tasks.folder import SUBMISSION_FILE, TaskFolder
from local_rl.tasks.grading import grade
from local_rl.tasks.preparing import prepared
from local_rl.tasks.running import PUBLIC, fill_workspace

NOT_APPLICABLE = 3
SLACK_SECONDS = 300.0
"""For imports, a last fit that overran, and writing the answer; what is used of it is reported."""


class Peer(StrEnum):
    FLAML = "flaml"
    AIDE = "aide"
    SEARCH = "search"
    """This project's own tree search, over the same server as AIDE."""

    @property
    def script(self) -> Path:
        return Path(__file__).parent / SCRIPTS[self]


SCRIPTS = {Peer.FLAML: "flaml_fit.py", Peer.AIDE: "aide_search.py", Peer.SEARCH: "tree_search.py"}


class PeerSettings(Record):
    python: str
    """The interpreter of the environment that the peer is installed in."""
    seconds: float
    seed: int = 0
    url: str = ""
    """OpenAI-compatible server, for AIDE and the search."""
    model: str = ""


def run_peer(peer: Peer, folder: TaskFolder, settings: PeerSettings, run: int) -> Trajectory | None:
    """None where the peer does not take this kind of task. Raises TaskError when it cannot be started."""
    spec = folder.spec
    if spec.measured is None:
        raise TaskError(f"Task '{spec.id}' has no measured baseline; run `mlagent tasks check --measure`.")
    with TemporaryDirectory(prefix="mlagent-peer-") as place:
        workspace = Path(place)
        fill_workspace(workspace, prepared(folder))
        submission = workspace / SUBMISSION_FILE
        job = _job(folder, workspace, settings, run)
        (workspace / "job.json").write_text(json.dumps(job))
        began = time.perf_counter()
        code, said = _start([settings.python, str(peer.script), "job.json"], workspace, settings.seconds)
        seconds = time.perf_counter() - began
        if code == NOT_APPLICABLE:
            return None
        why = f"{peer.value} ended with exit code {code}: {said}" if code else ""
        nodes = _counted(submission.with_suffix(".json"))
        score: float | None = None
        try:
            score = grade(folder, submission)
        except InvalidSubmission as error:
            why = why or str(error)
    step = StepRow(
        step=1,
        operator="peer",
        sampled=nodes,
        malformed=(),
        tried=(),
        kept=peer.value if score is not None else "",
        why_not=why,
        score=score,
        seconds=seconds,
    )
    return Trajectory(
        task=spec.id,
        notebook=folder.starter.name,
        run=run,
        seed=job["seed"],
        direction=spec.direction,
        metric=spec.metric,
        baseline=spec.measured.baseline,
        start_metric=None,
        start_score=spec.measured.baseline,
        steps=(step,),
        final_score=score,
        seconds=seconds,
        stopped=why,
    )


def _counted(file: Path) -> int:
    """How many nodes the peer executed; 0 where it does not say."""
    try:
        return int(json.loads(file.read_text())["steps"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _job(folder: TaskFolder, workspace: Path, settings: PeerSettings, run: int) -> dict[str, Any]:
    spec = folder.spec
    # The class that a probability is asked for stands in the metric's own expression: y_val == "Remote".
    positive = re.search(r"y_val == \"([^\"]+)\"", spec.expression)
    return {
        "public": str(workspace / PUBLIC),
        "submission": str(workspace / SUBMISSION_FILE),
        "seconds": settings.seconds,
        "seed": settings.seed + run,
        "title": spec.title,
        "description": spec.description,
        "metric": spec.metric,
        "expression": spec.expression,
        "notebook": str(folder.starter),
        "direction": spec.direction.value,
        "tags": list(spec.tags),
        "positive": positive.group(1) if positive else None,
        "url": settings.url,
        "model": settings.model,
    }


def _start(command: list[str], cwd: Path, seconds: float) -> tuple[int, str]:
    """(exit code, the last line it said); ends it and what it started when the time is more than over."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environ,
            start_new_session=True,
        )
    except OSError as error:
        raise TaskError(f"The peer's interpreter {command[0]} cannot be started ({error}).") from error
    said = b""
    try:
        _, said = process.communicate(timeout=seconds + SLACK_SECONDS)
    except subprocess.TimeoutExpired:
        said = b"it did not end in time"
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()
    lines = said.decode(errors="replace").strip().splitlines()
    return process.returncode, lines[-1][:300] if lines else ""
