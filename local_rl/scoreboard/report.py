"""The scoreboard as one HTML file that needs nothing else: curves, errors, sample trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from jupyter_mlagent.records import Record
from local_rl.scoreboard.records import EvaluationConfig, Trajectory
from local_rl.scoreboard.statistics import (
    Comparison,
    Spread,
    TaskResult,
    by_task,
    compare,
    curve,
    overall_gain,
)
from local_rl.scoreboard.table import comparison_line, headline, name_of, percent

_WIDTH, _HEIGHT, _PAD = 320, 180, 34
_COLOURS = ("#0b6e99", "#c2410c", "#4d7c0f", "#7e22ce", "#b45309", "#be123c")
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem}
body{color:#1c2430;background:#fff}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;font-size:13px}
td,th{padding:.25rem .6rem;border-bottom:1px solid #d8dee6;text-align:right;white-space:nowrap}
td:first-child,th:first-child,td:last-child,th:last-child{text-align:left}.scroll{overflow-x:auto}
figure{display:inline-block;margin:.5rem 1rem .5rem 0;vertical-align:top}
figcaption{font-size:13px;font-weight:600}
pre{background:#f4f6f8;padding:.6rem;overflow-x:auto;font-size:12px}details{margin:.4rem 0}
.key{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 1em}.kept{color:#166534}.not{color:#7a4a00}
@media(prefers-color-scheme:dark){body{color:#e6e9ee;background:#14181d}pre{background:#1f252c}
td,th{border-color:#39424d}
.kept{color:#86efac}.not{color:#fcd34d}svg text{fill:#e6e9ee}}
"""


class Evaluated(Record):
    """One policy with what it did."""

    config: EvaluationConfig
    trajectories: tuple[Trajectory, ...]

    @property
    def name(self) -> str:
        return self.config.policy.name


def html(policies: Sequence[Evaluated]) -> str:
    """The page. The first policy is compared with each of the others."""
    title = " and ".join(policy.name for policy in policies)
    parts = [f"<h1>Scoreboard: {escape(title)}</h1>"]
    for policy in policies:
        parts.append(_summary(policy))
    parts += [_comparison(policies[0], other) for other in policies[1:]]
    parts += ["<h2>Relative gain over steps</h2>", _legend(policies), _curves(policies)]
    parts += ["<h2>What went wrong</h2>", _errors(policies), "<h2>Sample trajectories</h2>"]
    parts += [_samples(policy) for policy in policies]
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>Scoreboard: {escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _summary(policy: Evaluated) -> str:
    results = by_task(policy.trajectories)
    runs = max((result.runs for result in results), default=0)
    names = ["task", "metric", "baseline", f"avg@{runs}", f"best@{runs}", "gain", "valid", "improving"]
    names += ["s/step", "tokens/step", "runs"]
    rows = "".join(_result_row(result) for result in results)
    return (
        f"<h2>{escape(policy.name)}</h2><p>{escape(headline(policy.config, runs))} "
        f"Mean relative gain <b>{percent(overall_gain(results))}</b>.</p>"
        f"<div class='scroll'><table><tr>{''.join(f'<th>{escape(name)}</th>' for name in names)}</tr>"
        f"{rows}</table></div>"
    )


def _result_row(result: TaskResult) -> str:
    cells = (
        name_of(result),
        f"{result.metric} {'↑' if result.direction.sign > 0 else '↓'}",
        f"{result.baseline:.4g}",
        f"{result.average.mean:.4g} ± {result.average.error:.2g}",
        f"{result.best:.4g}",
        percent(result.gain),
        f"{result.valid:.0%}",
        f"{result.improving:.0%}",
        f"{result.step_seconds.mean:.1f}",
        f"{result.step_tokens.mean:.0f}",
        str(result.runs),
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"


def _comparison(one: Evaluated, other: Evaluated) -> str:
    try:
        found: Comparison = compare(one.trajectories, other.trajectories)
    except ValueError:
        return f"<p>{escape(one.name)} and {escape(other.name)} have no task and run in common.</p>"
    return f"<p>{escape(comparison_line(one.name, other.name, found))}</p>"


def _legend(policies: Sequence[Evaluated]) -> str:
    keys = (
        f"<span class='key' style='background:{_colour(place)}'></span>{escape(policy.name)}"
        for place, policy in enumerate(policies)
    )
    return f"<p>{''.join(keys)}</p>"


def _curves(policies: Sequence[Evaluated]) -> str:
    groups = sorted({(run.task, run.notebook) for policy in policies for run in policy.trajectories})
    figures = []
    for task, notebook in groups:
        lines = [
            curve([run for run in policy.trajectories if (run.task, run.notebook) == (task, notebook)])
            for policy in policies
        ]
        label = task if notebook == "starter.ipynb" else f"{task} ({notebook.removesuffix('.ipynb')})"
        figures.append(f"<figure><figcaption>{escape(label)}</figcaption>{_chart(lines)}</figure>")
    return "".join(figures)


def _chart(lines: Sequence[Sequence[Spread]]) -> str:
    values = [point.mean + sign * point.error for line in lines for point in line for sign in (-1, 1)]
    low, high = min([0.0, *values]), max([0.01, *values])
    steps = max((len(line) for line in lines), default=1) - 1

    def x(step: int) -> float:
        return _PAD + (_WIDTH - _PAD - 10) * step / max(steps, 1)

    def y(value: float) -> float:
        return 10 + (_HEIGHT - 34) * (high - value) / (high - low)

    marks = [
        f"<line x1='{_PAD}' x2='{_WIDTH - 10}' y1='{y(0):.1f}' y2='{y(0):.1f}' stroke='#9aa4b0'/>",
        *(
            f"<text x='{_PAD - 4}' y='{y(value) + 4:.1f}' font-size='10' text-anchor='end'>"
            f"{value:+.0%}</text>"
            for value in (low, high)
        ),
        f"<text x='{_WIDTH - 10}' y='{_HEIGHT - 6}' font-size='10' text-anchor='end'>step {steps}</text>",
    ]
    for place, line in enumerate(lines):
        if not line:
            continue
        upper = [f"{x(step):.1f},{y(point.mean + point.error):.1f}" for step, point in enumerate(line)]
        lower = [f"{x(step):.1f},{y(point.mean - point.error):.1f}" for step, point in enumerate(line)]
        middle = " ".join(f"{x(step):.1f},{y(point.mean):.1f}" for step, point in enumerate(line))
        marks.append(
            f"<polygon points='{' '.join([*upper, *reversed(lower)])}' fill='{_colour(place)}' "
            "opacity='.15'/>"
            f"<polyline points='{middle}' fill='none' stroke='{_colour(place)}' stroke-width='2'/>"
        )
    return f"<svg width='{_WIDTH}' height='{_HEIGHT}' role='img'>{''.join(marks)}</svg>"


def _errors(policies: Sequence[Evaluated]) -> str:
    totals = [_total_errors(policy) for policy in policies]
    kinds = sorted(
        {kind for total in totals for kind in total}, key=lambda kind: -sum(t.get(kind, 0) for t in totals)
    )
    if not kinds:
        return "<p>Nothing: every reply was a cell that ran.</p>"
    head = "".join(f"<th>{escape(policy.name)}</th>" for policy in policies)
    rows = "".join(
        f"<tr><td>{escape(kind)}</td>{''.join(f'<td>{total.get(kind, 0)}</td>' for total in totals)}</tr>"
        for kind in kinds
    )
    sampled = "".join(
        f"<td>{sum(row.sampled for run in policy.trajectories for row in run.steps)}</td>"
        for policy in policies
    )
    return f"<table><tr><th>kind</th>{head}</tr>{rows}<tr><td>of replies</td>{sampled}</tr></table>"


def _total_errors(policy: Evaluated) -> dict[str, int]:
    total: dict[str, int] = {}
    for result in by_task(policy.trajectories):
        for kind, count in result.errors.items():
            total[kind] = total.get(kind, 0) + count
    return total


def _samples(policy: Evaluated) -> str:
    """For each task the best run and the worst."""
    groups: dict[tuple[str, str], list[Trajectory]] = {}
    for run in policy.trajectories:
        groups.setdefault((run.task, run.notebook), []).append(run)
    parts = [f"<h3>{escape(policy.name)}</h3>"]
    for _, runs in sorted(groups.items()):
        ordered = sorted(runs, key=lambda run: -run.gain)
        chosen = [("best", ordered[0])] + ([("worst", ordered[-1])] if len(ordered) > 1 else [])
        parts += [_sample(word, run) for word, run in chosen]
    return "".join(parts)


def _sample(word: str, run: Trajectory) -> str:
    steps = []
    for row in run.steps:
        score = "no valid submission" if row.score is None else f"{row.score:.4g}"
        verdict = (
            f"<span class='kept'>kept: {escape(row.kept)}</span>"
            if row.kept
            else f"<span class='not'>{escape(row.why_not)}</span>"
        )
        cells = "".join(
            f"<details><summary>{escape(cell.status)}: {escape(cell.plan)}"
            f"{f' ({escape(cell.error)})' if cell.error else ''}</summary>"
            f"<pre>{escape(cell.code)}</pre></details>"
            for cell in row.tried
        )
        steps.append(f"<li>score {score}; {verdict}{cells}</li>")
    return (
        f"<details><summary>{escape(run.task)}, {escape(run.notebook)}, {word} of its runs (run {run.run}): "
        f"{run.gain:+.1%}</summary><ol>{''.join(steps)}</ol></details>"
    )


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]
