"""A training run and its adapters as text. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from jupyter_mlagent.phrases import number
from jupyter_mlagent.training_events import AdapterComparison, AdapterInfo, TrainingState
from mlagent_tui.learning.progress import CURVES, TrainingRecord

BLOCKS = "▁▂▃▄▅▆▇█"
STATE_STYLES = {
    TrainingState.IDLE: "$foreground-muted",
    TrainingState.RUNNING: "$text-accent",
    TrainingState.PAUSED: "$text-warning",
    TrainingState.DONE: "$text-success",
    TrainingState.FAILED: "$text-error",
}
QUIET = "$foreground-muted"
NO_TRAINER = """\
No trainer is installed yet.

What you accept, edit and reject is already being kept in the journal on this machine \
(`mlagent journal list`); it is what a trainer will learn from. When one is installed, this screen shows \
its progress and your adapters, and nothing is promoted unless it beats the current model on tasks it was \
not trained on."""


def sparkline(curve: Sequence[tuple[int, float]], width: int) -> str:
    """The curve in `width` characters, each the mean of its share."""
    values = [value for _, value in curve]
    if not values or width < 1:
        return ""
    count = min(width, len(values))
    means = []
    for n in range(count):
        share = values[n * len(values) // count : (n + 1) * len(values) // count]
        means.append(sum(share) / len(share))
    low, high = min(means), max(means)
    span = (high - low) or 1.0
    return "".join(BLOCKS[round((mean - low) / span * (len(BLOCKS) - 1))] for mean in means)


def training_content(record: TrainingRecord, width: int) -> Content:
    """State, the curves with their last values, held-out score, memory, time left."""
    lines = [_head(record)]
    if record.message:
        lines.append(Content.styled(record.message, STATE_STYLES[record.state]))
    lines.append(Content(""))
    for name in CURVES:
        if curve := record.curves.get(name):
            value = Content.styled(f"{number(curve[-1][1]):>10}  ", "bold")
            lines.append(
                Content(f"{name:<11}") + value + Content.styled(sparkline(curve, width - 24), "$primary")
            )
    if record.held_out:
        lines += ["", *_held_out(record, width)]  # type: ignore[list-item]
    lines += [Content(""), _cost(record)]
    return Content("\n").join(lines)


def _head(record: TrainingRecord) -> Content:
    state = Content.styled(record.state.value, f"bold {STATE_STYLES[record.state]}")
    if record.started is None:
        return state + Content.styled("  no run yet; s starts one", QUIET)
    update = record.latest.update if record.latest else 0
    words = f"  {record.started.kind.value} · update {update} of {record.started.updates}"
    words += f" · {record.started.examples} examples · {record.started.base_model} on {record.started.device}"
    return state + Content(words)


def _held_out(record: TrainingRecord, width: int) -> list[Content]:
    last = record.held_out[-1]
    curve = [(scored.update, scored.score) for scored in record.held_out]
    better = last.low > last.active_score
    style = "bold $text-success" if better else "bold"
    line = Content("held out   ") + Content.styled(f"{number(last.score):>10}  ", style)
    line += Content.styled(sparkline(curve, width - 24), "$text-success")
    note = (
        f"{'':<11}{number(last.low)} to {number(last.high)}, the model in use has {number(last.active_score)}"
    )
    return [line, Content.styled(note, QUIET)]


def _cost(record: TrainingRecord) -> Content:
    latest, parts = record.latest, []
    if latest is not None and latest.memory_bytes is not None:
        limit = f" of {gigabytes(latest.memory_limit_bytes)}" if latest.memory_limit_bytes else ""
        parts.append(f"memory {gigabytes(latest.memory_bytes)}{limit}")
    if latest is not None and latest.seconds_left is not None:
        parts.append(f"{duration(latest.seconds_left)} left")
    if record.checkpoint is not None:
        parts.append(f"checkpoint at update {record.checkpoint}")
    return Content.styled(" · ".join(parts), QUIET)


def adapter_row(adapter: AdapterInfo) -> tuple[str, ...]:
    score = "-" if adapter.held_out_score is None else number(adapter.held_out_score)
    return (
        "●" if adapter.active else "",
        adapter.name,
        score,
        str(adapter.steps),
        adapter.created[:16],
        adapter.note,
    )


def comparison_text(comparison: AdapterComparison) -> str:
    """For the question whether to promote."""
    lines = [
        f"{comparison.difference:+.3f} on held-out tasks ({comparison.low:+.3f} to {comparison.high:+.3f})",
        *(f"  {task.task}: {number(task.before)} → {number(task.after)}" for task in comparison.tasks[:12]),
        comparison.reason,
    ]
    return "\n".join(lines)


def duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
