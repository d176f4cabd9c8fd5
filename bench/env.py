"""The environment against doing without one: live states, steps a minute, and what is left of many steps.

On the bundled tasks' own states, in one run: how long a state takes to be there (from a live node: request to
report of an empty cell in a fork; by replay of the whole notebook), steps a minute in live states against
running the whole notebook in a fresh kernel for every step, with the same cells, and whether a process or a
file is left after many steps.

    python bench/env.py [--tasks customer-churn,digits,...] [--steps 8] [--soak 1000] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from jupyter_mlagent.kernel import LocalKernel
from jupyter_mlagent.records import Anchor, Operator, Proposal, TrialStatus, source_hash
from jupyter_mlagent.trial.api import TrialLimits
from local_rl.environment.environment import Environment, EnvSettings
from local_rl.environment.scheduler import Scheduler
from local_rl.environment.states import EnvState, cells_of
from local_rl.environment.vector import VectorEnvironment
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.preparing import prepared
from local_rl.tasks.running import fill_workspace
from local_rl.tasks.suite import find

LIMIT_SECONDS = 0.050
LIMIT_RATIO = 5.0
TASKS = "customer-churn,hotel-rates,loan-grade,power-demand,digits,textures"
LIMITS = TrialLimits(seconds=60)
CELL = "model.fit(X_train, y_train)  # once more, {number}"
"""A step that trains the state's own model: what a step of the task costs at least."""


async def main() -> None:
    options = _options()
    folders = [find(name) for name in options.tasks.split(",")]
    rows = [await _row(folder, options) for folder in folders]
    soak = await _soak(folders[0], options.soak) if options.soak else {}
    if options.json:
        print(
            json.dumps(
                {"limit_seconds": LIMIT_SECONDS, "limit_ratio": LIMIT_RATIO, "rows": rows, "soak": soak}
            )
        )
    else:
        _print(rows, soak)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", default=TASKS, help="ids of tasks, joined by commas")
    parser.add_argument("--steps", type=int, default=8, help="steps for each way and task")
    parser.add_argument(
        "--soak", type=int, default=1000, help="steps after which nothing may be left; 0: skip"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    return parser.parse_args()


async def _row(folder: TaskFolder, options: argparse.Namespace) -> dict[str, Any]:
    settings = EnvSettings(limits=LIMITS)
    proposals = [_proposal(CELL.format(number=number)) for number in range(options.steps)]
    async with VectorEnvironment([folder], settings, scheduler=Scheduler()) as vector:
        began = time.perf_counter()
        (state,) = await vector.reset([folder.id])
        replay = time.perf_counter() - began
        live = [await _restore(vector[folder.id], state) for _ in range(max(20, options.steps))]
        deeper = await _deeper(vector[folder.id], state, 3)
        deep = [await _restore(vector[folder.id], deeper) for _ in range(20)]
        began = time.perf_counter()
        steps = await vector.step([state] * len(proposals), proposals)
        live_seconds = time.perf_counter() - began
    failed = [step.trial for step in steps if step.trial.status is not TrialStatus.OK]
    if failed:
        raise SystemExit(f"{folder.id}: {failed[0].status} {failed[0].error} {failed[0].reason}")
    whole = await _whole(folder, proposals[: max(2, options.steps // 4)])
    per_minute = 60 * len(proposals) / live_seconds
    return {
        "task": folder.id,
        "restore_live_seconds": statistics.median(live),
        "restore_live_depth_3_seconds": statistics.median(deep),
        "restore_by_replay_seconds": replay,
        "steps_per_minute": per_minute,
        "whole_notebook_steps_per_minute": whole,
        "ratio": per_minute / whole,
    }


async def _restore(environment: Environment, state: EnvState) -> float:
    """Seconds from asking for a state until a cell has run in it."""
    began = time.perf_counter()
    node, _ = await environment.live.ensure(state.sources)
    tried = await environment.live.tree_of(node).try_cell(node, "pass", None, LIMITS)
    assert tried.trial.status is TrialStatus.OK
    return time.perf_counter() - began


async def _deeper(environment: Environment, state: EnvState, steps: int) -> EnvState:
    for number in range(steps):
        made = (await environment.step(state, _proposal(f"deeper_{number} = {number}"))).next_state
        assert made is not None
        state = made
    return state


async def _whole(folder: TaskFolder, proposals: list[Proposal]) -> float:
    """Steps a minute when each starts a kernel and runs the notebook and then the cell."""
    began = time.perf_counter()
    for proposal in proposals:
        with tempfile.TemporaryDirectory() as place:
            fill_workspace(Path(place), prepared(folder))
            async with LocalKernel(cwd=Path(place)) as kernel:
                for cell in cells_of(folder.starter):
                    if cell.kind == "code":
                        ran = await kernel.run_cell(cell.source)
                        assert ran.error is None, ran.error
                await kernel.run_cell(proposal.code)
                await kernel.run_cell(f"print({folder.spec.expression})")
    return 60 * len(proposals) / (time.perf_counter() - began)


async def _soak(folder: TaskFolder, steps: int) -> dict[str, Any]:
    """Many small steps, each leading to a state of its own, of which most are ended again."""
    prepared(folder)
    with tempfile.TemporaryDirectory(prefix="soak-") as place:
        # A place of our own for temporary files, by which our processes are known as well.
        os.environ["TMPDIR"] = tempfile.tempdir = place
        began = time.perf_counter()
        ran, state_count = await _many_steps(folder, steps)
        seconds = time.perf_counter() - began
        left = [process for process in psutil.process_iter() if _is_ours(process, place)]
        files = list(Path(place).iterdir())
    return {
        "steps": steps,
        "ran": ran,
        "live_states": state_count,
        "seconds": seconds,
        "processes_left": len(left),
        "files_left": len(files),
    }


async def _many_steps(folder: TaskFolder, steps: int) -> tuple[int, int]:
    """(steps that ran, states alive at the end)."""
    ran = 0
    async with Environment(folder, EnvSettings(limits=LIMITS, live_states=16)) as environment:
        start = state = await environment.reset()
        for number in range(steps):
            step = await environment.step(state, _proposal(f"step_{number} = {number}"))
            ran += step.trial.status is TrialStatus.OK
            state = step.next_state if step.next_state is not None and number % 5 else start
        return ran, len(environment.live)


def _is_ours(process: psutil.Process, place: str) -> bool:
    try:
        return process.pid != os.getpid() and process.environ().get("TMPDIR") == place
    except psutil.Error:
        return False


def _proposal(code: str) -> Proposal:
    return Proposal(
        id=f"bench-{source_hash(code)[:8]}",
        operator=Operator.IMPROVE,
        plan="bench",
        code=code,
        source_hash=source_hash(code),
        anchor=Anchor(cell_id="", source_hash=source_hash("")),
    )


def _print(rows: list[dict[str, Any]], soak: dict[str, Any]) -> None:
    names = ("live", "depth 3", "replay", "steps/min", "notebook", "ratio")
    print(f"{'task':<18}" + "".join(f"{name:>11}" for name in names))
    for row in rows:
        cells = (
            f"{row['restore_live_seconds'] * 1000:.0f} ms",
            f"{row['restore_live_depth_3_seconds'] * 1000:.0f} ms",
            f"{row['restore_by_replay_seconds']:.1f} s",
            f"{row['steps_per_minute']:.0f}",
            f"{row['whole_notebook_steps_per_minute']:.1f}",
            f"{row['ratio']:.1f}x",
        )
        print(f"{row['task']:<18}" + "".join(f"{cell:>11}" for cell in cells))
    worst = max(row["restore_live_seconds"] for row in rows)
    least = min(row["ratio"] for row in rows)
    print(
        f"\nrestoring a live state: worst median {worst * 1000:.0f} ms (limit {LIMIT_SECONDS * 1000:.0f} ms)"
    )
    print(f"steps a minute against whole notebooks: least {least:.1f}x (target {LIMIT_RATIO:g}x)")
    if soak:
        print(
            f"{soak['steps']} steps ({soak['ran']} ran) in {soak['seconds']:.0f} s: "
            f"{soak['processes_left']} processes and {soak['files_left']} files left"
        )


if __name__ == "__main__":
    asyncio.run(main())
