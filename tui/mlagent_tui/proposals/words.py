"""A candidate in words: status, change, cost, side effects. Pure."""

from __future__ import annotations

from textual.content import Content

from jupyter_mlagent.phrases import number, why
from jupyter_mlagent.records import Metric, SideEffects, Trial, TrialStatus, Verdict
from mlagent_tui.proposals.board import Row, Stage, gain

STATUS_STYLES = {
    TrialStatus.OK: "$text-success",
    TrialStatus.ERROR: "$text-error",
    TrialStatus.TIMEOUT: "$text-warning",
    TrialStatus.OUT_OF_MEMORY: "$text-warning",
    TrialStatus.BLOCKED: "$text-warning",
    TrialStatus.NOT_TRIED: "$foreground-muted",
}
QUIET = "$foreground-muted"
VERDICT_WORDS = {
    Verdict.ACCEPTED: "✓ accepted",
    Verdict.EDITED: "✓ accepted, edited",
    Verdict.REJECTED: "✗ rejected",
    Verdict.IGNORED: "ignored",
}


def status_word(trial: Trial) -> str:
    return trial.status.value.replace("_", " ")


def change_content(trial: Trial | None, metric: Metric | None) -> Content:
    """`+3.8%` with the sign of the number, green when that is better."""
    change = gain(trial, metric)
    if change is None or metric is None:
        return Content("")
    if change == 0:
        return Content.styled("same", QUIET)
    style = "bold $text-success" if change > 0 else "$text-error"
    return Content.styled(f"{change * metric.direction.sign:+.1%}", style)


def stage_content(row: Row, spinner: str) -> Content:
    """What stands at the right of a candidate that has no result yet."""
    match row.stage:
        case Stage.WRITING:
            return Content.styled(f"{spinner} writing", "$text-accent")
        case Stage.READY:
            return Content.styled("written", QUIET)
        case Stage.TRYING:
            return Content.styled(f"{spinner} trying", "$text-accent")
        case Stage.DROPPED:
            return Content.styled("dropped", QUIET)
        case _:
            return Content.styled("waiting", QUIET)


def result_content(row: Row, metric: Metric | None) -> Content:
    """`→ 0.947  +3.8%   0.4s`, or what became of the trial instead; where it starts from stands above."""
    trial = row.trial
    if trial is None:
        return Content("")
    if row.verdict is not None:
        if row.undone:
            return Content.styled("taken back", QUIET)
        style = QUIET if row.verdict is Verdict.REJECTED else "$text-success"
        return Content.styled(VERDICT_WORDS[row.verdict], style)
    if trial.status is not TrialStatus.OK:
        return Content.styled(status_word(trial), STATUS_STYLES[trial.status])
    change = change_content(trial, metric)
    if not change.plain:
        after = number(trial.metric_after) if trial.metric_after is not None else "ok"
        return Content.styled(f"{after}  {trial.seconds:.1f}s", QUIET)
    value = Content.styled(f"→ {number(trial.metric_after):>6}", "$text")
    seconds = Content.styled(f"{trial.seconds:>5.1f}s", QUIET)
    return Content.assemble(value, "  ", change.pad_left(max(0, 6 - len(change.plain))), " ", seconds)


def trial_content(trial: Trial, metric: Metric | None) -> Content:
    """The lines under a candidate's plan: result, cost, how it was tried, what it wanted to touch."""
    first = Content.styled(status_word(trial), f"bold {STATUS_STYLES[trial.status]}")
    if trial.metric_after is not None or trial.metric_before is not None:
        first += Content(f"   {number(trial.metric_before)} → {number(trial.metric_after)}   ")
        first += change_content(trial, metric)
    cost = [f"{trial.seconds:.2f} s"]
    if trial.peak_memory_bytes is not None:
        cost.append(f"{megabytes(trial.peak_memory_bytes)} more memory")
    cost += [f"{trial.engine.value} trial", f"guard: {trial.guard.value}"]
    lines = [first, Content.styled(" · ".join(cost), QUIET)]
    if reason := why(trial):
        lines.append(Content.styled(reason, STATUS_STYLES[trial.status]))
    lines += effects_lines(trial.side_effects)
    return Content("\n").join(lines)


def effects_lines(effects: SideEffects) -> list[Content]:
    """What it wanted to do outside its memory; nothing of it reached the machine."""
    lines = [f"wanted: {effect.change} {effect.path}" for effect in effects.files]
    lines += [f"wanted the network: {target}" for target in effects.network]
    lines += [f"refused: {what}" for what in effects.blocked]
    return [Content.styled(f"! {line}", "$text-warning") for line in lines]


def megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"
