"""Given a scripted policy on a small task, then its trajectories are scored, resumed, compared and shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.journal import Journal
from jupyter_mlagent.records import Direction
from local_rl.environment.environment import Environment
from local_rl.environment.states import from_journal
from local_rl.scoreboard.evaluation import JOURNAL_FILE, TRAJECTORIES_FILE, Results, evaluate, jobs_for
from local_rl.scoreboard.records import EvaluationConfig, PolicyName, StepRow, Trajectory, TriedCell
from local_rl.scoreboard.report import Evaluated, html
from local_rl.scoreboard.statistics import by_task, compare, curve, spread
from local_rl.scoreboard.table import comparison_line, markdown
from local_rl.tasks.folder import TaskFolder

CONFIG = EvaluationConfig(
    policy=PolicyName(name="scripted", model="scripted"),
    steps=2,
    candidates=2,
    seed=7,
    seconds=None,
    trial_seconds=30,
    package_version="0",
)
GOOD = (
    "```python\n# PLAN: a <line>\nfrom sklearn.linear_model import LinearRegression\n"
    "model = LinearRegression().fit(X_train, y_train)\n```\n"
)
BAD = "```python\n# PLAN: nothing\nraise ValueError('no')\n```\n"


async def test_an_evaluation_scores_steps_and_goes_on_where_it_stopped(
    line_task: TaskFolder, tmp_path: Path
) -> None:
    results = Results(tmp_path / "out")
    engine = ScriptedEngine([GOOD, BAD, BAD, BAD])
    jobs = jobs_for([line_task], 2, starter=True, late=False)

    first = await evaluate([line_task], jobs[:1], engine, CONFIG, results)
    asked = len(engine.requests)
    both = await evaluate([line_task], jobs, engine, CONFIG, results)

    assert len(first) == 1 and len(both) == 2
    assert both[0] == first[0]
    assert len(engine.requests) == 2 * asked
    row = both[0].steps[0]
    assert row.kept == "a <line>"
    assert row.score is not None and both[0].start_score is not None and row.score < both[0].start_score
    assert [cell.status for cell in row.tried] == ["ok", "error"]
    assert both[0].gain > 0.9
    assert {request.options.seed for request in engine.requests} == {8, 9, 1008, 1009}


async def test_a_state_in_the_journal_is_rebuilt(line_task: TaskFolder, tmp_path: Path) -> None:
    results = Results(tmp_path / "out")
    engine = ScriptedEngine([GOOD, BAD, BAD, BAD])
    jobs = jobs_for([line_task], 1, starter=True, late=False)
    await evaluate([line_task], jobs, engine, CONFIG, results)

    with Journal.open(results.folder / JOURNAL_FILE) as journal:
        later = max(journal.full_steps(), key=lambda step: len(step.state.cells)).state
    async with Environment(line_task) as environment:
        rebuilt = await environment.rebuild(from_journal(later))
        measured = msgspec.structs.replace(from_journal(later), metric_value=None)

        assert rebuilt.sources[-1].startswith("from sklearn.linear_model")
        assert (await environment.rebuild(measured)).metric_value == pytest.approx(later.metric_value)
        assert await environment.grade(rebuilt) < 3


async def test_an_engine_that_fails_ends_it_with_one_sentence(line_task: TaskFolder, tmp_path: Path) -> None:
    jobs = jobs_for([line_task], 2, starter=True, late=False)
    engine = ScriptedEngine(fails="The model is gone.")
    with pytest.raises(MlagentError, match="The model is gone"):
        await evaluate([line_task], jobs, engine, CONFIG, Results(tmp_path / "out"), parallel=2)


def test_a_line_cut_short_is_left_out(tmp_path: Path) -> None:
    results = Results(tmp_path / "out")
    results.claim(CONFIG)
    results.add(trajectory(run=0, score=1.0))
    path = results.folder / TRAJECTORIES_FILE
    path.write_bytes(path.read_bytes() + b'{"task": "li')

    assert [found.run for found in results.read()] == [0]
    results.add(trajectory(run=1, score=1.0))
    assert [found.run for found in results.read()] == [0, 1]


def test_another_configuration_is_refused(tmp_path: Path) -> None:
    results = Results(tmp_path)
    results.claim(CONFIG)
    results.claim(msgspec.structs.replace(CONFIG, package_version="1"))
    with pytest.raises(MlagentError, match="another steps"):
        results.claim(msgspec.structs.replace(CONFIG, steps=3))


def test_average_best_gain_and_errors() -> None:
    (result,) = by_task([trajectory(run=0, score=5.0), trajectory(run=1, score=7.0)])

    assert result.average.mean == 6.0
    assert result.average.error == pytest.approx(1.0)
    assert result.best == 5.0
    assert result.gain.mean == pytest.approx(0.4)
    assert result.best_gain == pytest.approx(0.5)
    assert result.valid == 0.25
    assert result.errors == {"malformed": 4, "a column or key that does not exist": 2}


def test_a_run_without_a_submission_counts_with_the_baseline() -> None:
    (result,) = by_task([trajectory(run=0, score=None)])
    assert result.average.mean == 10.0
    assert result.gain.mean == 0.0


def test_the_bootstrap_finds_a_difference_and_no_difference() -> None:
    tasks = [f"task-{number}" for number in range(6)]
    good = [trajectory(run=run, score=5 + run % 3, task=task) for task in tasks for run in range(4)]
    poor = [trajectory(run=run, score=9 + run % 2, task=task) for task in tasks for run in range(4)]

    found, none = compare(good, poor), compare(good, good)

    assert found.low > 0 and found.p_value < 0.01 and found.tasks_won == 6
    assert none.difference == 0 and none.p_value == 1.0
    assert compare(good, poor) == found
    with pytest.raises(ValueError, match="in common"):
        compare(good, [])


def test_few_pairs_get_no_interval() -> None:
    few = [trajectory(run=0, score=5.0)]
    line = comparison_line("one", "other", compare(few, [trajectory(run=0, score=7.0)]))
    assert "+20.0%" in line and "too few" in line and "p =" not in line


def test_a_short_trajectory_keeps_its_last_value_in_the_curve() -> None:
    points = curve([trajectory(run=0, score=5.0), trajectory(run=1, score=5.0, steps=1)])
    assert [point.count for point in points] == [2, 2, 2]
    assert points[0].mean == 0.0 and points[2].mean == pytest.approx(0.5)


def test_the_spread_of_one_value_has_no_error() -> None:
    assert spread([3.0]).error == 0.0
    assert spread([]).count == 0


def test_table_and_report_hold_everything_and_nothing_unescaped() -> None:
    runs = (trajectory(run=0, score=5.0), trajectory(run=1, score=7.0))
    other = msgspec.structs.replace(CONFIG, policy=PolicyName(name="<other>", model="other"))

    table = markdown(CONFIG, runs)
    page = html([Evaluated(config=CONFIG, trajectories=runs), Evaluated(config=other, trajectories=runs)])

    assert "| line | rmse ↓ | 10 | 6 ± 1 | 5 | +40.0% ± 10.0% |" in table
    assert "<svg" in page and "KeyError" in page and "&lt;other&gt;" in page
    assert "<other>" not in page and "print('<script>')" not in page
    assert "http://" not in page and "https://" not in page and "<script" not in page


def trajectory(*, run: int, score: float | None, task: str = "line", steps: int = 2) -> Trajectory:
    cells = (
        TriedCell(plan="better", code="print('<script>')", status="ok", metric_after=1.0, reward=0.9),
        TriedCell(plan="worse", code="x[1]", status="error", error="KeyError: 1", reward=0.0),
    )
    row = StepRow(
        step=1,
        operator="improve",
        sampled=4,
        malformed=("cut off", "empty"),
        tried=cells,
        kept="better",
        metric=1.0,
        score=score,
        seconds=2.0,
        sampled_tokens=100,
    )
    idle = msgspec.structs.replace(row, step=2, sampled=0, malformed=(), tried=(), kept="")
    return Trajectory(
        task=task,
        notebook="starter.ipynb",
        run=run,
        seed=run,
        direction=Direction.MINIMIZE,
        metric="rmse",
        baseline=10.0,
        start_metric=10.0,
        start_score=10.0,
        steps=(row, idle)[:steps],
        final_score=score,
        seconds=4.0,
    )
