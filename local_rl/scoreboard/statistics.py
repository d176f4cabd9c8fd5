"""What trajectories amount to: averages, bests, standard errors, and whether one policy beats another."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jupyter_mlagent.records import Direction, Record
from local_rl.scoreboard.records import Trajectory
from local_rl.scoreboard.trajectory import error_kinds

DRAWS = 10_000
CONFIDENCE = 0.95


class Spread(Record):
    """A mean with the standard error of that mean (0 for a single value)."""

    mean: float
    error: float
    count: int


class TaskResult(Record):
    task: str
    notebook: str
    metric: str
    direction: Direction
    baseline: float
    runs: int
    average: Spread
    """avg@k of the grader's final score; a run without a valid submission counts with the baseline."""
    best: float
    """best@k."""
    gain: Spread
    best_gain: float
    valid: float
    """Share of sampled replies whose cell ran to its end."""
    improving: float
    """Share of sampled replies that improved the notebook's own metric."""
    errors: dict[str, int]
    step_seconds: Spread
    step_tokens: Spread
    """Sampled tokens."""


class Comparison(Record):
    """Policy A against policy B on the same tasks and runs: A's relative gain minus B's."""

    difference: float
    low: float
    high: float
    """The bootstrap's 95% interval."""
    p_value: float
    """Two-sided: how often the resampled difference has the other sign, doubled."""
    tasks_won: int
    tasks_lost: int
    pairs: int


def spread(values: Sequence[float]) -> Spread:
    count = len(values)
    mean = math.fsum(values) / count if count else 0.0
    if count < 2:
        return Spread(mean=mean, error=0.0, count=count)
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    return Spread(mean=mean, error=math.sqrt(variance / count), count=count)


def by_task(trajectories: Sequence[Trajectory]) -> list[TaskResult]:
    """One row for each task and notebook, in the order of their names."""
    groups: dict[tuple[str, str], list[Trajectory]] = {}
    for trajectory in trajectories:
        groups.setdefault((trajectory.task, trajectory.notebook), []).append(trajectory)
    return [_result(runs) for _, runs in sorted(groups.items())]


def overall_gain(results: Sequence[TaskResult]) -> Spread:
    """The mean over tasks of the mean gain; its error comes from the runs within the tasks."""
    if not results:
        return Spread(mean=0.0, error=0.0, count=0)
    mean = math.fsum(result.gain.mean for result in results) / len(results)
    error = math.sqrt(math.fsum(result.gain.error**2 for result in results)) / len(results)
    return Spread(mean=mean, error=error, count=len(results))


def compare(ours: Sequence[Trajectory], theirs: Sequence[Trajectory], seed: int = 0) -> Comparison:
    """A paired bootstrap over tasks and, within each, over runs; every task weighs the same.

    Pairs are (task, notebook, run) that both have. Raises ValueError when there are none.
    """
    import numpy as np

    other = {trajectory.key: trajectory.gain for trajectory in theirs}
    pairs: dict[tuple[str, str], list[float]] = {}
    for trajectory in ours:
        if trajectory.key in other:
            difference = trajectory.gain - other[trajectory.key]
            pairs.setdefault((trajectory.task, trajectory.notebook), []).append(difference)
    if not pairs:
        raise ValueError("the two policies have no task and run in common")
    differences = [np.asarray(values) for values in pairs.values()]
    means = np.asarray([values.mean() for values in differences])
    random = np.random.default_rng(seed)
    draws = np.empty(DRAWS)
    for draw in range(DRAWS):
        tasks = random.integers(len(differences), size=len(differences))
        picked = [differences[task] for task in tasks]
        draws[draw] = np.mean(
            [values[random.integers(len(values), size=len(values))].mean() for values in picked]
        )
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    sided = min((draws <= 0).mean(), (draws >= 0).mean())
    return Comparison(
        difference=float(means.mean()),
        low=float(low),
        high=float(high),
        p_value=float(min(1.0, 2 * sided)),
        tasks_won=int((means > 0).sum()),
        tasks_lost=int((means < 0).sum()),
        pairs=sum(len(values) for values in differences),
    )


def curve(trajectories: Sequence[Trajectory]) -> list[Spread]:
    """Mean relative gain before the first step and after each; a short trajectory keeps its last value."""
    length = max((len(trajectory.steps) for trajectory in trajectories), default=0)
    points = []
    for position in range(length + 1):
        points.append(spread([_gain_at(trajectory, position) for trajectory in trajectories]))
    return points


def _gain_at(trajectory: Trajectory, position: int) -> float:
    scores = [trajectory.start_score, *(row.score for row in trajectory.steps)]
    return trajectory.gain_of(scores[min(position, len(scores) - 1)])


def _result(runs: Sequence[Trajectory]) -> TaskResult:
    first = runs[0]
    scores = [run.baseline if run.final_score is None else run.final_score for run in runs]
    gains = [run.gain for run in runs]
    rows = [row for run in runs for row in run.steps]
    cells = [cell for row in rows for cell in row.tried]
    sampled = sum(row.sampled for row in rows)
    return TaskResult(
        task=first.task,
        notebook=first.notebook,
        metric=first.metric,
        direction=first.direction,
        baseline=first.baseline,
        runs=len(runs),
        average=spread(scores),
        best=max(scores) if first.direction.sign > 0 else min(scores),
        gain=spread(gains),
        best_gain=max(gains),
        valid=_share(sum(cell.status == "ok" for cell in cells), sampled),
        improving=_share(sum(cell.status == "ok" and cell.reward > 0.5 for cell in cells), sampled),
        errors=error_kinds(rows),
        step_seconds=spread([row.seconds for row in rows]),
        step_tokens=spread([float(row.sampled_tokens) for row in rows]),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
