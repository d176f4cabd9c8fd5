"""What execution confirmed is kept, in balance; every step that is not is counted with its reason."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.records import Operator, TrialStatus
from local_rl.explore.config import KeepConfig
from local_rl.explore.keep import (
    DUPLICATE,
    KEPT,
    KEPT_RARE,
    MANY_ALL,
    MANY_STATE,
    WORSE,
    fair_sizes,
    select,
    table,
)
from local_rl.explore.records import Tried

CODE = {
    "forest": "model = RandomForestClassifier({n})\nmodel.fit(X, y)",
    "boosting": "model = HistGradientBoostingClassifier(max_iter={n})\nmodel.fit(X, y)",
    "linear": "model = LogisticRegression(C={n})\nmodel.fit(X, y)",
    "svm": "model = make_pipeline(StandardScaler(), SVC(C={n}))\nmodel.fit(X, y)",
    "ensemble": "model = VotingClassifier([('a', SVC(C={n})), ('b', GaussianNB())])\nmodel.fit(X, y)",
}


def row(
    family: str = "forest", n: int = 1, *, reward: float = 0.8, task: str = "t", state: str = "s", **fields
) -> Tried:
    given = {
        "batch": "b",
        "task": task,
        "notebook": "starter.ipynb",
        "state": state,
        "operator": Operator.IMPROVE,
        "seed": 0,
        "plan": f"Fit {family} {n}",
        "code": CODE[family].format(n=n),
        "status": "ok",
        "reward": reward,
        "scored": True,
        "metric_before": 0.5,
        "metric_after": 0.6,
    }
    return Tried(**{**given, **fields})


FREE = KeepConfig(most=1.0, per_state=100, rare=0)


def test_a_step_that_improved_is_kept_and_one_that_did_not_is_not() -> None:
    found = select([row(reward=0.51), row(n=2, reward=0.5), row(n=3, reward=0.2)], FREE)
    assert [item.row.reward for item in found.kept] == [0.51]
    assert found.counts == {"t": {WORSE: 2, KEPT: 1}}


def test_what_failed_is_thrown_away_with_its_reason() -> None:
    found = select(
        [
            row(status="error", error="ValueError: could not convert", reward=0.0),
            row(n=2, status="timeout", scored=False, reward=0.5, metric_after=None),
            row(malformed="the reply holds no code", code="", status="", reward=0.0),
            row(n=3, reward=0.0),
        ],
        FREE,
    )
    assert not found.kept
    assert found.counts["t"] == {
        "raised ValueError": 1,
        "no evidence: timeout": 1,
        "malformed: the reply holds no code": 1,
        "its result followed the held-out labels": 1,
    }


def test_the_same_program_counts_once_in_a_state_and_again_in_another() -> None:
    again = row(code="# other words\n" + CODE["forest"].format(n=1))
    found = select([row(), again, row(state="other")], FREE)
    assert [item.row.state for item in found.kept] == ["s", "other"]
    assert found.counts["t"][DUPLICATE] == 1


def test_a_family_that_improved_rarely_is_filled_up_with_what_came_near() -> None:
    rule = KeepConfig(most=1.0, per_state=100, rare=2, near=0.45)
    rows = [
        *(row("forest", n) for n in range(3)),
        row("svm", 1, reward=0.49),
        row("svm", 2, reward=0.46),
        row("svm", 3, reward=0.47),
        row("linear", 1, reward=0.3),
    ]
    found = select(rows, rule)
    assert found.families == {"forest": 3, "svm": 2}
    assert sorted(item.row.reward for item in found.kept if item.rare) == [0.47, 0.49]
    assert found.counts["t"][KEPT_RARE] == 2


def test_of_one_state_only_the_best_of_a_family_stay() -> None:
    found = select(
        [row(n=n, reward=0.6 + n / 100) for n in range(6)], KeepConfig(most=1.0, per_state=2, rare=0)
    )
    assert [item.row.reward for item in found.kept] == [0.65, 0.64]
    assert found.counts["t"][MANY_STATE] == 4


def test_no_family_takes_more_than_its_share_and_tasks_take_turns() -> None:
    many = [
        row("forest", n, task=task, state=task, reward=0.7 + n / 1000)
        for task in ("a", "b")
        for n in range(20)
    ]
    few = [row(family, n, task="a") for family in ("boosting", "linear", "svm", "ensemble") for n in range(4)]
    found = select([*many, *few], KeepConfig(most=0.25, per_state=100, rare=0))
    kept = found.families
    assert kept["forest"] <= 0.25 * sum(kept.values()) + 1
    assert {kept[family] for family in ("boosting", "linear", "svm", "ensemble")} == {4}
    forests = [item.row.task for item in found.kept if item.family == "forest"]
    assert abs(forests.count("a") - forests.count("b")) <= 1
    assert found.counts["b"][MANY_ALL] > 0


@settings(deadline=None)
@given(
    sizes=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 60), max_size=8),
    most=st.floats(0.05, 1.0),
)
def test_fair_sizes_only_shrink_and_hold_the_share(sizes, most) -> None:
    found = fair_sizes(sizes, most)
    assert found.keys() == sizes.keys()
    assert all(1 <= found[name] <= sizes[name] for name in sizes)
    if found:
        smallest, largest = min(found.values()), max(found.values())
        assert largest <= max(most * sum(found.values()), smallest)


@settings(deadline=None)
@given(
    drawn=st.lists(
        st.tuples(
            st.sampled_from(sorted(CODE)),
            st.integers(0, 3),
            st.sampled_from([0.0, 0.3, 0.46, 0.5, 0.7, 0.9]),
            st.sampled_from([*TrialStatus]),
            st.sampled_from(["s", "z"]),
        ),
        max_size=30,
    )
)
def test_every_step_is_counted_once_and_none_that_failed_is_kept(drawn) -> None:
    rows = [
        row(family, n, reward=reward, status=status.value, state=state)
        for family, n, reward, status, state in drawn
    ]
    found = select(rows)
    assert sum(sum(tally.values()) for tally in found.counts.values()) == len(rows)
    assert all(item.row.status == "ok" and item.row.reward >= 0.45 for item in found.kept)
    kept = sum(tally.get(KEPT, 0) + tally.get(KEPT_RARE, 0) for tally in found.counts.values())
    assert kept == len(found.kept)


def test_the_table_has_a_column_for_each_task_and_sums() -> None:
    text = table(select([row(task="a"), row(task="b", reward=0.4)], FREE))
    assert text.splitlines()[0] == "| | a | b | all |"
    assert text.splitlines()[-1] == "| all | 1 | 1 | 2 |"
