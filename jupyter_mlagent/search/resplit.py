"""Are the best paths best on other splits too? The final selection, which a lucky split cannot win.

Of many paths the one with the best metric is partly the luckiest on one split of the data. So the notebook is
run again with other seeds in its own splitting calls, the best few paths are run on each of these splits, and
the one with the largest mean gain over the notebook wins.
"""

from __future__ import annotations

import ast
import statistics
from collections.abc import Callable, Sequence

from jupyter_mlagent.agent.source import parse_cell
from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.records import Metric, Record, TrialStatus
from jupyter_mlagent.reward.expressions import called_name
from jupyter_mlagent.reward.reward import RewardConfig, is_readable, relative_gain
from jupyter_mlagent.search.node import Node
from jupyter_mlagent.search.states import FIRST, LiveStates
from jupyter_mlagent.search.tree import Tree
from jupyter_mlagent.search.value import is_better

SPLITTERS = frozenset(
    {"train_test_split", "KFold", "StratifiedKFold", "ShuffleSplit", "StratifiedShuffleSplit"}
    | {"GroupShuffleSplit"}
)
FAILED = -1.0
"""The gain of a path that does not run, or cannot be measured, on another split: all is lost."""


class Standing(Record):
    """One path on the other splits."""

    node: int
    metric: float | None
    """On the notebook's own split."""
    gains: tuple[float, ...]
    """Relative gain over the notebook on each other split."""

    @property
    def mean(self) -> float:
        return statistics.fmean(self.gains)


class Selection(Record):
    """Best first; the search's own winner is `before`."""

    before: int
    standings: tuple[Standing, ...]

    @property
    def winner(self) -> int:
        return self.standings[0].node

    @property
    def changed(self) -> bool:
        return self.winner != self.before


def other_split(sources: Sequence[str], number: int) -> tuple[str, ...] | None:
    """The sources with every seed of a splitting call raised by `number`; None where there is none."""
    changed = tuple(_reseeded(source, number) for source in sources)
    return None if changed == tuple(sources) else changed


def _reseeded(source: str, number: int) -> str:
    module = parse_cell(source)
    if module is None:
        return source
    seeds = [
        keyword.value
        for call in ast.walk(module)
        if isinstance(call, ast.Call) and called_name(call) in SPLITTERS
        for keyword in call.keywords
        if keyword.arg == "random_state"
    ]
    lines = [line.encode() for line in source.splitlines(keepends=True)]
    # From the end, so that the places of those before it stay true.
    for seed in sorted(seeds, key=lambda node: (node.lineno, node.col_offset), reverse=True):
        line = seed.lineno - 1
        if not (isinstance(seed, ast.Constant) and type(seed.value) is int) or line >= len(lines):
            continue
        start, end = seed.col_offset, seed.end_col_offset or 0
        if lines[line][start:end] == str(seed.value).encode():
            lines[line] = lines[line][:start] + str(seed.value + number).encode() + lines[line][end:]
    return b"".join(lines).decode()


FINALISTS = 3


def finalists(tree: Tree, most: int = FINALISTS) -> list[Node]:
    """The best states that better the notebook, best first; of equals the first."""
    base = tree.nodes[0].metric
    found = [
        node
        for node in tree.nodes[1:]
        if node.works and tree.in_search(node) and is_better(node.metric, base, tree.direction)
    ]
    sign = tree.direction.sign if tree.direction is not None else 1
    found.sort(key=lambda node: (-sign * (node.metric or 0.0), node.id))
    return found[:most]


async def select(
    tree: Tree,
    notebook: Sequence[str],
    metric: Metric,
    states_of: Callable[[tuple[str, ...]], LiveStates],
    *,
    splits: int,
    most: int = FINALISTS,
) -> Selection | None:
    """The finalists by their mean gain on other splits; None where there is nothing to choose, or no split
    that could be made anew.

    `states_of` makes the states of a notebook's sources.
    """
    nodes = finalists(tree, most)
    others = [changed for n in range(1, splits + 1) if (changed := other_split(notebook, n)) is not None]
    if len(nodes) < 2 or not others:
        return None
    gains: dict[int, list[float]] = {node.id: [] for node in nodes}
    for sources in others:
        states = states_of(sources)
        try:
            base = (await states.read_metric(FIRST, metric)).value
            for node in nodes:
                gains[node.id].append(await _gain(states, tree.path(node.id), base, metric))
        finally:
            await states.close()
    standings = [Standing(node=node.id, metric=node.metric, gains=tuple(gains[node.id])) for node in nodes]
    standings.sort(key=lambda standing: -standing.mean)  # stable: of equals the better on the own split
    return Selection(before=nodes[0].id, standings=tuple(standings))


async def _gain(states: LiveStates, path: Sequence[Node], base: float | None, metric: Metric) -> float:
    done: tuple[str, ...] = FIRST
    for node in path:
        assert node.proposal is not None
        trial = await states.try_cell(done, node.proposal.code, None)
        if trial.status is not TrialStatus.OK:
            return FAILED
        done = (*done, node.proposal.code)
    try:
        value = (await states.read_metric(done, metric)).value
    except KernelError:
        return FAILED
    if value is None or base is None or not (is_readable(value) and is_readable(base)):
        return FAILED
    return relative_gain(base, value, metric.direction, RewardConfig())


def told(selection: Selection, tree: Tree) -> str:
    """One sentence: what the other splits said."""
    count = len(selection.standings[0].gains)
    splits = f"{count} other split{'' if count == 1 else 's'}"
    mean = {standing.node: standing.mean for standing in selection.standings}
    if not selection.changed:
        return (
            f"On {splits} of the data the best path gains most too, {mean[selection.winner]:+.1%} on average."
        )
    return (
        f"On {splits} of the data '{_plan(tree, selection.winner)}' gains {mean[selection.winner]:+.1%} on "
        f"average,"
        f" '{_plan(tree, selection.before)}' only {mean[selection.before]:+.1%}; the former is kept."
    )


def _plan(tree: Tree, node_id: int) -> str:
    proposal = tree.node(node_id).proposal
    return " ".join(proposal.plan.split()).rstrip(".") if proposal is not None else ""
