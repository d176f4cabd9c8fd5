"""The tree search apart from its model: what workers add, what the search takes, what live nodes hold.

Cells come from a script in place of a model, so that what is measured is the search and its live states.
Nodes a minute with one worker and with two, where a cell trains for about a second on one core; the share of
the time that went neither into proposals nor into trials (but into selection, predictions, events); and the
memory (proportional set size, so that shared pages count once) of many live nodes over one large state.

    python bench/search.py [--steps 24] [--nodes 50] [--gigabytes 1] [--json]

Beside AIDE, with one model server for both: bench/search_peers.py. How far apart siblings are:
bench/siblings.py.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from jupyter_mlagent.agent.prediction import predict
from jupyter_mlagent.records import Anchor, Direction, Metric, Proposal, TrialStatus, source_hash
from jupyter_mlagent.search.events import SearchEnded
from jupyter_mlagent.search.expander import Expansion, Order, TriedStep
from jupyter_mlagent.search.search import Search
from jupyter_mlagent.search.settings import SearchBudget, SearchSettings
from jupyter_mlagent.search.states import FIRST, LiveStates
from jupyter_mlagent.search.tree import Tree
from jupyter_mlagent.trial.api import TrialLimits
from jupyter_mlagent.trial.live_tree import LiveTree

LIMIT_RATIO = 1.6
LIMIT_OWN = 0.02
LIMIT_MEMORY = 2.0
SETUP = """
import numpy as np
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

held = np.random.default_rng(0).random(int({gigabytes} * (1 << 27)))
X, y = make_classification(6000, 30, n_informative=10, random_state=0)
X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
model = RandomForestClassifier(1, random_state=0).fit(X_train, y_train)
"""
CELL = (
    "model = RandomForestClassifier({trees}, max_features={features}, random_state=0, n_jobs=1)"
    ".fit(X_train, y_train)"
)
SMALL = "kept_{number} = np.zeros(1 << 17)"
"""A step that allocates one MiB."""
SMALL_BYTES = 1 << 20
METRIC = Metric(expression="accuracy_score(y_val, model.predict(X_val))", direction=Direction.MAXIMIZE)
LIMITS = TrialLimits(seconds=60, memory_bytes=4 << 30)
NOWHERE = Anchor(cell_id="", source_hash=source_hash(""))


class Script:
    """`Expander` that writes a cell at once and tries it in a fork."""

    def __init__(self, states: LiveStates) -> None:
        self._states = states

    async def expand(self, order: Order) -> Expansion:
        code = CELL.format(trees=40 + order.seed % 20, features=5 + order.seed % 13)
        code += f"  # {order.seed}\nversion = {order.seed}"
        began = time.perf_counter()
        predicted = predict(code, order.metric, order.precedents)
        own = time.perf_counter() - began
        proposal = Proposal(
            id=f"{order.seed}",
            operator=order.operator,
            plan="train a forest",
            code=code,
            source_hash=source_hash(code),
            anchor=NOWHERE,
            predicted=predicted,
        )
        trial = await self._states.try_cell(order.sources, code, METRIC, metric_before=order.metric)
        if trial.status is not TrialStatus.OK:
            raise SystemExit(f"A cell did not run: {trial.status} {trial.error} {trial.reason}")
        return Expansion(steps=(TriedStep(proposal=proposal, trial=trial),), own_seconds=own)


async def main() -> None:
    options = _options()
    searches = {workers: await _search(options.steps, workers) for workers in (1, 2)}
    memory = await _memory(options.nodes, options.gigabytes)
    found = {
        "nodes_per_minute": {workers: row["nodes_per_minute"] for workers, row in searches.items()},
        "two_workers_ratio": searches[2]["nodes_per_minute"] / searches[1]["nodes_per_minute"],
        "limit_two_workers_ratio": LIMIT_RATIO,
        "own_share": max(row["own_share"] for row in searches.values()),
        "limit_own_share": LIMIT_OWN,
        **memory,
        "limit_memory_ratio": LIMIT_MEMORY,
    }
    print(json.dumps(found) if options.json else _table(found))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=24, help="nodes of each search")
    parser.add_argument("--nodes", type=int, default=50, help="live nodes whose memory is read")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="size of the state below them")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    return parser.parse_args()


async def _search(steps: int, workers: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        states, _ = _states(Path(folder), SETUP.format(gigabytes=0), steps + 2)
        try:
            before = (await states.read_metric(FIRST, METRIC)).value
            tree = Tree(
                state_hash="bench",
                metric=before,
                direction=METRIC.direction,
                settings=SearchSettings(improvements=2),
            )
            search = Search(tree, Script(states), SearchBudget(steps=steps), workers=workers)
            (ended,) = [event async for event in search.events() if isinstance(event, SearchEnded)]
        finally:
            await states.close()
    return {
        "nodes_per_minute": 60 * ended.steps / ended.seconds,
        "own_share": ended.own_seconds / ended.seconds,
    }


async def _memory(nodes: int, gigabytes: float) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        states, trees = _states(Path(folder), SETUP.format(gigabytes=gigabytes), nodes + 2)
        try:
            await states.variables(FIRST)
            one = _resident(trees[0])
            for number in range(nodes):
                trial = await states.try_cell(FIRST, SMALL.format(number=number), None)
                if trial.status is not TrialStatus.OK:
                    raise SystemExit(f"A cell did not run: {trial.status} {trial.error} {trial.reason}")
            alive, many = len(states) - 1, _resident(trees[0])
        finally:
            await states.close()
    allocated = nodes * SMALL_BYTES
    return {
        "live_nodes": alive,
        "state_bytes": one,
        "allocated_bytes": allocated,
        "bytes_with_nodes": many,
        "memory_ratio": (many - allocated) / one,
    }


def _states(folder: Path, setup: str, most: int) -> tuple[LiveStates, list[LiveTree]]:
    """Live states, and the tree of processes once it has been started."""
    trees: list[LiveTree] = []

    async def start() -> LiveTree:
        tree = LiveTree(folder, threads=1)
        await tree.start()
        trees.append(tree)
        return tree

    return LiveStates(start, (setup,), LIMITS, most=most), trees


def _resident(tree: LiveTree) -> int:
    """Proportional set size of all processes of a tree, in bytes."""
    root = psutil.Process(tree.process_id)
    total = 0
    for process in [root, *root.children(recursive=True)]:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        line = next(line for line in rollup.splitlines() if line.startswith("Pss:"))
        total += int(line.split()[1]) * 1024
    return total


def _table(found: dict[str, Any]) -> str:
    gib = 1 << 30
    one, two = found["nodes_per_minute"][1], found["nodes_per_minute"][2]
    return "\n".join(
        [
            f"nodes a minute, 1 worker   {one:8.1f}",
            f"nodes a minute, 2 workers  {two:8.1f}   {found['two_workers_ratio']:.2f}x (>= {LIMIT_RATIO})",
            f"the search's own share     {found['own_share']:8.2%}   (<= {LIMIT_OWN:.0%})",
            f"one state                  {found['state_bytes'] / gib:8.2f} GiB",
            f"with {found['live_nodes']:3} live nodes       {found['bytes_with_nodes'] / gib:8.2f} GiB   "
            f"{found['memory_ratio']:.2f}x without what cells allocated (<= {LIMIT_MEMORY})",
        ]
    )


if __name__ == "__main__":
    asyncio.run(main())
