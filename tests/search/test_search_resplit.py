"""The final selection: a path that only won its own validation split does not win."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.records import Direction, Metric, Trial, TrialStatus
from jupyter_mlagent.search.resplit import FAILED, finalists, other_split, select, told
from jupyter_mlagent.search.tree import Tree
from jupyter_mlagent.trial.api import MetricReading

from .growing import error, ok, step, tree

NOTEBOOK = ("a, b = train_test_split(X, y, random_state=7)", "model = Forest(random_state=7)")
METRIC = Metric(expression="accuracy_score(y_val, model.predict(X_val))", direction=Direction.MAXIMIZE)


class Split:
    """States of a notebook on another split: what each path measures there."""

    def __init__(self, metrics: Mapping[tuple[str, ...], float | None]) -> None:
        self.metrics = metrics
        self.closed = False

    async def read_metric(self, sources: tuple[str, ...], metric: Metric) -> MetricReading:
        if sources not in self.metrics:
            raise KernelError("It did not run again.")
        return MetricReading(value=self.metrics[sources])

    async def try_cell(self, sources: tuple[str, ...], code: str, metric: Metric | None) -> Trial:
        return error() if code == "bad = 1" else Trial(status=TrialStatus.OK)

    async def close(self) -> None:
        self.closed = True


def searched() -> Tree:
    found = tree()
    for code, value in (("lucky = 1", 0.9), ("solid = 1", 0.85), ("bad = 1", 0.8), ("worse = 1", 0.4)):
        found.grow(0, step(code, plan=code.split()[0]), ok(value))
    return found


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("a, b = train_test_split(X, y, random_state=7)", "a, b = train_test_split(X, y, random_state=9)"),
        (
            "s = 'é'; a, b = train_test_split(X, random_state=0)",
            "s = 'é'; a, b = train_test_split(X, random_state=2)",
        ),
        (
            "f = KFold(3, shuffle=True, random_state=1); g = KFold(random_state=10)",
            "f = KFold(3, shuffle=True, random_state=3); g = KFold(random_state=12)",
        ),
        (
            "split = model_selection.train_test_split(\n    X,\n    random_state=42,\n)",
            "split = model_selection.train_test_split(\n    X,\n    random_state=44,\n)",
        ),
    ],
)
def test_the_seeds_of_splitting_calls_are_raised(source: str, changed: str) -> None:
    assert other_split([source], 2) == (changed,)


@pytest.mark.parametrize(
    "source",
    [
        "model = Forest(random_state=7)",
        "train_test_split(X, random_state=None)",
        "train_test_split(X)",
        "1 +",
    ],
)
def test_without_a_seed_there_is_no_other_split(source: str) -> None:
    assert other_split([source], 1) is None


def test_finalists_better_the_notebook_and_are_not_pruned() -> None:
    found = searched()
    assert [node.id for node in finalists(found, 3)] == [1, 2, 3]
    found.prune(1)
    assert [node.id for node in finalists(found, 3)] == [2, 3]


async def test_the_path_that_gains_most_on_other_splits_wins() -> None:
    found, made = searched(), []

    def states_of(sources: tuple[str, ...]) -> Split:
        made.append(sources)
        return splits[len(made) - 1]

    paths = {(): 0.5, ("lucky = 1",): 0.55, ("solid = 1",): 0.8}
    splits = [Split(paths), Split(paths)]
    chosen = await select(found, NOTEBOOK, METRIC, states_of, splits=2)  # type: ignore[arg-type]
    assert (chosen.winner, chosen.before, chosen.changed) == (2, 1, True)
    assert [standing.node for standing in chosen.standings] == [2, 1, 3]
    assert chosen.standings[0].gains == pytest.approx((0.6, 0.6))
    assert chosen.standings[2].gains == (FAILED, FAILED)
    assert [sources[0][-2:-1] for sources in made] == ["8", "9"]
    assert all(sources[1] == NOTEBOOK[1] for sources in made)
    assert all(split.closed for split in splits)
    assert told(chosen, found) == (
        "On 2 other splits of the data 'solid' gains +60.0% on average, 'lucky' only +10.0%; "
        "the former is kept."
    )


async def test_a_winner_that_holds_is_said_to() -> None:
    found = searched()
    split = Split({(): 0.5, ("lucky = 1",): 0.9, ("solid = 1",): 0.8})
    chosen = await select(found, NOTEBOOK, METRIC, lambda _: split, splits=1)  # type: ignore[arg-type,return-value]
    assert not chosen.changed and "gains most too, +80.0%" in told(chosen, found)


async def test_with_one_path_or_no_seed_there_is_nothing_to_choose() -> None:
    one = tree()
    one.grow(0, step("a = 1"), ok(0.9))
    assert await select(one, NOTEBOOK, METRIC, Split, splits=2) is None  # type: ignore[arg-type]
    assert await select(searched(), ("x = 1",), METRIC, Split, splits=2) is None  # type: ignore[arg-type]
