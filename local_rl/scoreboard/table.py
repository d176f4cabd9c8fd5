"""The scoreboard as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from local_rl.explore.diversity import Diversity, Sampled, diversity
from local_rl.scoreboard.records import EvaluationConfig, Trajectory
from local_rl.scoreboard.statistics import Comparison, Spread, TaskResult, by_task, overall_gain

_COLUMNS = (
    "task",
    "metric",
    "baseline",
    "avg@{k}",
    "best@{k}",
    "gain",
    "best gain",
    "valid",
    "improving",
    "families",
    "programs",
    "s/step",
    "tokens/step",
    "errors",
)
_SHOWN_ERRORS = 3
FEWEST_PAIRS = 6
"""With fewer a bootstrap resamples hardly anything, and its interval would be a boast."""


def markdown(config: EvaluationConfig, trajectories: Sequence[Trajectory]) -> str:
    """A headline, a table with a row for each task, and the mean over tasks."""
    results = by_task(trajectories)
    runs = max((result.runs for result in results), default=0)
    header = [name.format(k=runs) for name in _COLUMNS]
    lines = [headline(config, runs), "", _row(header), _row(["---"] * len(header))]
    varied = first_steps(trajectories)
    lines += [_row(_cells(result, runs, varied[result.task, result.notebook])) for result in results]
    lines += ["", f"Mean relative gain over {len(results)} rows: {percent(overall_gain(results))}."]
    return "\n".join(lines) + "\n"


def first_steps(trajectories: Sequence[Trajectory]) -> dict[tuple[str, str], Diversity]:
    """By task and notebook: all runs begin in the same state, so their first samples are samples of one."""
    samples: dict[tuple[str, str], list[Sampled]] = {}
    for trajectory in trajectories:
        found = samples.setdefault((trajectory.task, trajectory.notebook), [])
        for step in trajectory.steps[:1]:
            found += [Sampled(code=cell.code, status=cell.status, reward=cell.reward) for cell in step.tried]
            found += [Sampled() for _ in step.malformed]
    return {key: diversity(found) for key, found in samples.items()}


def headline(config: EvaluationConfig, runs: int) -> str:
    policy = config.policy
    adapter = f" with adapter {policy.adapter}" if policy.adapter else ""
    limit = f", at most {config.seconds:g} s each" if config.seconds is not None else ""
    return (
        f"{policy.name}: {policy.model}{adapter}; {runs} runs of {config.steps} steps, "
        f"{config.candidates} candidates a step{limit}, seed {config.seed}."
    )


def comparison_line(one: str, other: str, found: Comparison) -> str:
    if found.pairs < FEWEST_PAIRS:
        return (
            f"{one} against {other}: mean relative gain {found.difference:+.1%}; "
            f"{found.pairs} pairs of runs are too few for an interval."
        )
    return (
        f"{one} against {other}: mean relative gain {found.difference:+.1%} "
        f"(95% {found.low:+.1%} to {found.high:+.1%}, p = {found.p_value:.3f}; ahead on {found.tasks_won} "
        f"tasks, behind on {found.tasks_lost}; {found.pairs} pairs)."
    )


def percent(value: Spread) -> str:
    return f"{value.mean:+.1%} ± {value.error:.1%}"


def name_of(result: TaskResult) -> str:
    stem = result.notebook.removesuffix(".ipynb")
    return result.task if stem == "starter" else f"{result.task} ({stem})"


def _cells(result: TaskResult, runs: int, varied: Diversity) -> list[str]:
    arrow = "↑" if result.direction.sign > 0 else "↓"
    errors = ", ".join(f"{kind} {count}" for kind, count in list(result.errors.items())[:_SHOWN_ERRORS])
    short = f" ({result.runs} runs)" if result.runs < runs else ""
    return [
        name_of(result) + short,
        f"{result.metric} {arrow}",
        f"{result.baseline:.4g}",
        f"{result.average.mean:.4g} ± {result.average.error:.2g}",
        f"{result.best:.4g}",
        percent(result.gain),
        f"{result.best_gain:+.1%}",
        f"{result.valid:.0%}",
        f"{result.improving:.0%}",
        f"{len(varied.families)} in {varied.samples}",
        f"{varied.programs} in {varied.samples}",
        f"{result.step_seconds.mean:.1f}",
        f"{result.step_tokens.mean:.0f}",
        errors or "none",
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
