"""May a candidate replace the adapter in use? Only with a gain on held-out tasks that is no noise.

Both are judged alike: trajectories from the same states with the same seeds, scored on hidden answers, with
the engine that will serve them (a trainer's own model is quantized otherwise).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from jupyter_mlagent import __version__, paths
from jupyter_mlagent.engine.active import BUNDLED
from jupyter_mlagent.engine.catalog import ModelFile
from jupyter_mlagent.records import Record
from jupyter_mlagent.training_events import AdapterComparison, TaskComparison
from local_rl.adapters.active import active_name
from local_rl.adapters.store import EVALUATION_FOLDER, Adapter, find_adapter
from local_rl.errors import AdapterError
from local_rl.scoreboard.evaluation import Results, evaluate, jobs_for
from local_rl.scoreboard.records import EvaluationConfig, PolicyName, Trajectory
from local_rl.scoreboard.statistics import compare

WORST_LOSS = 0.05
"""A candidate may lose so much of the relative gain on a single task; more, and it is not promoted."""

FEWEST_PAIRS = 6
"""Trajectories of both that a decision needs: with fewer an interval says nothing."""


class JudgeConfig(Record):
    """Equal for all that are compared."""

    runs: int = 4
    steps: int = 4
    candidates: int = 4
    seed: int = 0
    trial_seconds: float = 60.0

    @property
    def title(self) -> str:
        """Equal for evaluations that can be compared; with more runs one of them is only gone on with."""
        return f"{self.steps}-steps-{self.candidates}-candidates-seed-{self.seed}"


def evaluations_of(name: str | None, base_sha256: str) -> Path:
    """The folder of an adapter's evaluations, of the base's own for None: one for each way of judging."""
    if name is None or name == BUNDLED:
        return paths.adapters_dir() / f".{name or 'base'}-{base_sha256[:16]}" / EVALUATION_FOLDER
    return find_adapter(name).evaluation


async def measure(
    name: str | None,
    gguf: Path | None,
    base: ModelFile,
    base_sha256: str,
    config: JudgeConfig,
    told: Callable[[Trajectory, int, int], None],
) -> Results:
    """Run what is missing of an evaluation on the held-out tasks; stopped, the same call goes on."""
    import asyncio

    from jupyter_mlagent.engine.open import open_engine
    from local_rl.tasks.suite import Split, tasks

    folders = list(tasks(Split.HELD_OUT))
    jobs = jobs_for(folders, config.runs, starter=True, late=True)
    results = Results(evaluations_of(name, base_sha256) / config.title)
    engine = open_engine(base.name if base.spec is not None else str(base.path))
    try:
        await engine.start()
        await engine.load_adapter(gguf)
        wanted = EvaluationConfig(
            policy=PolicyName(name=name or base.name, model=base.name, model_sha256=base_sha256),
            steps=config.steps,
            candidates=config.candidates,
            seed=config.seed,
            seconds=None,
            trial_seconds=config.trial_seconds,
            package_version=__version__,
        )
        await evaluate(folders, jobs, engine, wanted, results, on_done=told)
    finally:
        await asyncio.shield(engine.close())
    return results


def compare_stored(candidate: Adapter) -> AdapterComparison:
    """From what was measured of both in the same way; raises AdapterError where nothing was."""
    base = candidate.record.base_sha256
    active = active_name(base)
    ours, theirs = _measured(candidate.evaluation), _measured(evaluations_of(active, base))
    pairs = [(ours[title], theirs[title]) for title in ours if title in theirs]
    if not pairs:
        unjudged = candidate.name if not ours else active or "the base model"
        raise AdapterError(
            f"{unjudged} was not judged on the held-out tasks yet; do so with: "
            f"mlagent adapters compare {candidate.name}"
        )
    most = max(pairs, key=lambda pair: min(len(pair[0]), len(pair[1])))
    return comparison(candidate.name, active, *most)


def comparison(
    candidate: str, active: str | None, ours: Sequence[Trajectory], theirs: Sequence[Trajectory]
) -> AdapterComparison:
    """Raises AdapterError when they have no task in common."""
    try:
        found = compare(ours, theirs)
    except ValueError as error:
        raise AdapterError(f"{candidate} and {active or 'the base'} cannot be compared: {error}.") from error
    tasks = _by_task(ours, theirs)
    worst = min(tasks, key=lambda task: task.after - task.before)
    if found.pairs < FEWEST_PAIRS:
        reason = f"Only {found.pairs} trajectories can be compared; {FEWEST_PAIRS} are needed."
    elif found.low <= 0:
        reason = (
            f"The difference of {found.difference:+.1%} (95% interval {found.low:+.1%} to {found.high:+.1%}) "
            "may be noise."
        )
    elif worst.after - worst.before < -WORST_LOSS:
        reason = f"It loses {worst.before - worst.after:.1%} on {worst.task}; {WORST_LOSS:.0%} is the most."
    else:
        reason = (
            f"It is ahead by {found.difference:+.1%} (95% interval {found.low:+.1%} to {found.high:+.1%}) "
            f"and loses on no task by more than {WORST_LOSS:.0%}."
        )
    promotable = found.pairs >= FEWEST_PAIRS and found.low > 0 and worst.after - worst.before >= -WORST_LOSS
    return AdapterComparison(
        candidate=candidate,
        active=active,
        difference=found.difference,
        low=found.low,
        high=found.high,
        tasks=tasks,
        promotable=promotable,
        reason=reason,
    )


def held_out_score(name: str | None, base_sha256: str) -> float | None:
    """Mean relative gain over tasks, where most was measured; None where nothing was."""
    measured = _measured(evaluations_of(name, base_sha256)).values()
    found = _gains(max(measured, key=len, default=[]))
    means = [math.fsum(gains) / len(gains) for gains in found.values()]
    return math.fsum(means) / len(means) if means else None


def _measured(folder: Path) -> dict[str, list[Trajectory]]:
    """By the way of judging."""
    found = {path.name: Results(path).read() for path in sorted(folder.glob("*")) if path.is_dir()}
    return {title: trajectories for title, trajectories in found.items() if trajectories}


def _by_task(ours: Sequence[Trajectory], theirs: Sequence[Trajectory]) -> tuple[TaskComparison, ...]:
    """Over the trajectories that both have."""
    common = {trajectory.key for trajectory in ours} & {trajectory.key for trajectory in theirs}
    before = _gains([trajectory for trajectory in theirs if trajectory.key in common])
    after = _gains([trajectory for trajectory in ours if trajectory.key in common])
    return tuple(
        TaskComparison(
            task=task,
            before=math.fsum(before[task]) / len(before[task]),
            after=math.fsum(after[task]) / len(after[task]),
        )
        for task in sorted(before)
    )


def _gains(trajectories: Sequence[Trajectory]) -> dict[str, list[float]]:
    """By task and notebook."""
    found: dict[str, list[float]] = {}
    for trajectory in trajectories:
        title = f"{trajectory.task}/{trajectory.notebook.removesuffix('.ipynb')}"
        found.setdefault(title, []).append(trajectory.gain)
    return found
