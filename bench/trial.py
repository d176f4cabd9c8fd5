"""What a trial costs beside the cell's own run time, against its limits and against doing it without a fork.

A kernel holds 2 GB of arrays and a small data set with a model. A trivial cell is tried in a fork under
each guard tier, with and without a metric: request to report minus the cell's own seconds, and the private
memory the trial's process has when the cell starts. Twice: in a copy made ready beforehand, as a session has
them made while the model writes, and in one that is forked when the cell comes. Beside it: a bare fork of
the same kernel and its child's end (a guarded trial is three forks: supervisor, warden, cell), a fresh
kernel, and a fresh kernel that runs the notebook again.

    python bench/trial.py [--runs 30] [--gigabytes 2] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_mlagent.kernel import LocalKernel
from jupyter_mlagent.records import Direction, Guard, Metric, Trial
from jupyter_mlagent.trial.api import TrialLimits, prepared
from jupyter_mlagent.trial.link import ClientLink
from jupyter_mlagent.trial.runner import KernelTrials

LIMIT_SECONDS = 0.050
LIMIT_BYTES = 50 << 20
WRITING_SECONDS = 1.0
SETUP = """
import os
import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

held = [np.random.default_rng(seed).random(1 << 24) for seed in range({arrays})]
X, y = make_classification(2000, 20, random_state=0)
X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
model = LogisticRegression().fit(X_train, y_train)
"""
ARRAY_BYTES = 8 << 24
PRIVATE = """
sizes = [int(line.split()[1]) for line in open('/proc/self/smaps_rollup') if line.startswith('Private')]
print(sum(sizes) * 1024)
"""
BARE_FORK = """
import statistics, time

def _once():
    began = time.perf_counter()
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return time.perf_counter() - began

print(statistics.median(_once() for _ in range({runs})))
"""
METRIC = Metric(expression="accuracy_score(y_val, model.predict(X_val))", direction=Direction.MAXIMIZE)
LIMITS = TrialLimits(seconds=20, memory_bytes=4 << 30)


async def main() -> None:
    options = _options()
    setup = SETUP.format(arrays=round(options.gigabytes * (1 << 30) / ARRAY_BYTES))
    with tempfile.TemporaryDirectory() as folder:
        rows = await _forks(setup, options.runs, Path(folder))
        rows += await _without_forks(setup, max(3, options.runs // 6), Path(folder))
    if options.json:
        print(json.dumps({"limit_seconds": LIMIT_SECONDS, "limit_bytes": LIMIT_BYTES, "rows": rows}))
    else:
        _print(rows, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=30, help="trials for each median (at least 20)")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="data the kernel holds")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    options = parser.parse_args()
    options.runs = max(20, options.runs)
    return options


async def _forks(setup: str, runs: int, folder: Path) -> list[dict[str, Any]]:
    rows = []
    async with LocalKernel(cwd=folder) as kernel:
        link = ClientLink(await kernel.link_client())
        ran = await kernel.run_cell(setup)
        assert ran.error is None, ran.error
        bare = (await kernel.run_cell(BARE_FORK.format(runs=runs))).outputs[0]["text"]
        rows.append({"what": "a bare fork and its child's end", "seconds": float(bare), "runs": runs})
        for tier in Guard:
            await kernel.run_cell(f"os.environ['MLAGENT_GUARD'] = {tier.value!r}")
            trials = KernelTrials(link)
            if (await trials.probe()).guard is not tier:
                rows.append({"what": f"fork, guard {tier.value}: not available here"})
                continue
            for metric in (None, METRIC):
                rows.append(await _ready(trials, tier, metric, runs))
                rows.append(await _fork(trials, link, tier, metric, runs))
    return rows


async def _attempt(trials: KernelTrials, code: str, metric: Metric | None) -> Trial:
    before = 0.0 if metric is None else 1.0  # not improved: the audit has no part in this
    trial = await trials.try_cell(code, metric, LIMITS, metric_before=before, allow_unguarded=True)
    assert trial.status == "ok" and (trial.metric_after is not None) is (metric is not None), trial
    return trial


async def _ready(trials: KernelTrials, tier: Guard, metric: Metric | None, runs: int) -> dict[str, Any]:
    """Between the trials there is the time that a model takes for a cell of a few lines."""
    async with prepared(trials, metric, LIMITS, allow_unguarded=True):
        await asyncio.sleep(WRITING_SECONDS)
        private = int((await _attempt(trials, PRIVATE, metric)).outputs[0]["text"])
        found = []
        for _ in range(runs):
            await asyncio.sleep(WRITING_SECONDS)
            found.append(await _attempt(trials, "1 + 1", metric))
    await trials.close()
    return _row(f"ready, guard {tier.value}, {'with' if metric else 'without'} a metric", found, private)


async def _fork(
    trials: KernelTrials, link: ClientLink, tier: Guard, metric: Metric | None, runs: int
) -> dict[str, Any]:
    private = int((await _attempt(trials, PRIVATE, metric)).outputs[0]["text"])
    found = []
    for _ in range(runs):
        await link.evaluate("0")  # served after the copies of the trial before have ended
        found.append(await _attempt(trials, "1 + 1", metric))
    return _row(
        f"forked then, guard {tier.value}, {'with' if metric else 'without'} a metric", found, private
    )


def _row(what: str, found: list[Trial], private: int) -> dict[str, Any]:
    beside = [trial.total_seconds - trial.seconds for trial in found]
    return {
        "what": what,
        "seconds": statistics.median(beside),
        "worst_seconds": max(beside),
        "of_limit": statistics.median(beside) / LIMIT_SECONDS,
        "private_bytes": private,
        "private_of_limit": private / LIMIT_BYTES,
        "runs": len(found),
    }


async def _without_forks(setup: str, runs: int, folder: Path) -> list[dict[str, Any]]:
    """What the same costs with a new kernel: its start alone, and with the notebook run again."""
    starts, replays = [], []
    for _ in range(runs):
        began = time.perf_counter()
        async with LocalKernel(cwd=folder) as kernel:
            await kernel.run_cell("1 + 1")
            starts.append(time.perf_counter() - began)
            await kernel.run_cell(setup)
            replays.append(time.perf_counter() - began)
    return [
        {"what": "a fresh kernel, empty", "seconds": statistics.median(starts), "runs": runs},
        {"what": "a fresh kernel, notebook run again", "seconds": statistics.median(replays), "runs": runs},
    ]


def _print(rows: list[dict[str, Any]], options: argparse.Namespace) -> None:
    limits = f"{LIMIT_SECONDS * 1000:.0f} ms, {LIMIT_BYTES >> 20} MB"
    print(f"{options.gigabytes:g} GB held; medians; limits {limits}")
    print(f"{'':45} {'ms':>8} {'worst':>8} {'of limit':>9} {'private MB':>11} {'of limit':>9} {'runs':>5}")
    for row in rows:
        if "seconds" not in row:
            print(row["what"])
            continue
        cells = [f"{row['what']:45}", f"{row['seconds'] * 1000:8.1f}"]
        if "private_bytes" in row:
            cells += [f"{row['worst_seconds'] * 1000:8.1f}", f"{row['of_limit']:9.2f}"]
            cells += [f"{row['private_bytes'] / (1 << 20):11.1f}", f"{row['private_of_limit']:9.2f}"]
        else:
            cells.append(" " * 39)
        print(*cells, f"{row['runs']:5}")


if __name__ == "__main__":
    asyncio.run(main())
