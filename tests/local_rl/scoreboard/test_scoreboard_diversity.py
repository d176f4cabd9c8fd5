"""The table counts families and programs over the first steps of all runs, which begin in one state."""

from __future__ import annotations

from jupyter_mlagent.records import Direction
from local_rl.scoreboard.records import EvaluationConfig, PolicyName, StepRow, Trajectory, TriedCell
from local_rl.scoreboard.table import first_steps, markdown


def trajectory(run: int, *codes: str, malformed: int = 0, later: str = "") -> Trajectory:
    def step(number: int, cells: tuple[str, ...], bad: int) -> StepRow:
        return StepRow(
            step=number,
            operator="improve",
            sampled=len(cells) + bad,
            malformed=("no code",) * bad,
            tried=tuple(
                TriedCell(plan="", code=code, status="error" if "raise" in code else "ok", reward=0.7)
                for code in cells
            ),
        )

    steps = [step(1, codes, malformed)] + ([step(2, (later,), 0)] if later else [])
    return Trajectory(
        task="t",
        notebook="starter.ipynb",
        run=run,
        seed=0,
        direction=Direction.MAXIMIZE,
        metric="auc",
        baseline=0.5,
        start_metric=0.5,
        start_score=0.5,
        steps=tuple(steps),
        final_score=0.6,
        seconds=1.0,
    )


FOREST, SVM = "m = RandomForestClassifier()", "m = SVC()"
RUNS = [
    trajectory(0, FOREST, SVM, malformed=1, later="m = GaussianNB()"),
    trajectory(1, f"{FOREST}  # again", "raise ValueError"),
]


def test_first_steps_of_all_runs_are_samples_of_one_state() -> None:
    found = first_steps(RUNS)["t", "starter.ipynb"]
    assert (found.samples, found.programs, found.valid) == (5, 2, 0.6)
    assert found.families == {"forest": 2, "svm": 1}


def test_the_table_shows_them() -> None:
    config = EvaluationConfig(
        policy=PolicyName(name="p", model="p"),
        steps=2,
        candidates=3,
        seed=0,
        seconds=None,
        trial_seconds=9.0,
        package_version="1",
    )
    assert "| 2 in 5 | 2 in 5 |" in markdown(config, RUNS)
