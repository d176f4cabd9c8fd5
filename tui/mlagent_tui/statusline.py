"""The top row: which notebook, whether it is saved, what kernel and model do, where the metric stands."""

from __future__ import annotations

from pathlib import Path

from rich.cells import cell_len
from textual.content import Content

from jupyter_mlagent.phrases import number
from jupyter_mlagent.records import Direction
from mlagent_tui.desk.status import KernelState, ModelState, Status
from mlagent_tui.sheet import Sheet

KERNEL_STYLES = {
    KernelState.STARTING: "$text-warning",
    KernelState.IDLE: "$text-success",
    KernelState.BUSY: "$text-accent",
    KernelState.DEAD: "bold $text-error",
    KernelState.ABSENT: "bold $text-error",
    KernelState.AWAY: "bold $text-error",
}
KERNEL_MARKS = {
    KernelState.STARTING: "◌",
    KernelState.IDLE: "●",
    KernelState.BUSY: "◐",
    KernelState.DEAD: "✗",
    KernelState.ABSENT: "✗",
    KernelState.AWAY: "✗",
}
GAP = "   "
LONGEST_METRIC = 44


class StatusLine(Sheet):
    """Parts give way from the least important on when the terminal is narrow."""

    def show(self, path: Path, status: Status, *, modified: bool) -> None:
        self.draw(status_content(path, status, modified=modified, width=self.size.width or 80))


def status_content(path: Path, status: Status, *, modified: bool, width: int) -> Content:
    name = Content.styled(path.name, "bold") + Content.styled(" ●" if modified else "", "$text-warning")
    parts = [
        name,
        Content.styled(
            f"{KERNEL_MARKS[status.kernel]} {status.kernel.value}"
            if status.kernel in (KernelState.ABSENT, KernelState.AWAY)
            else f"{KERNEL_MARKS[status.kernel]} kernel {status.kernel.value}",
            KERNEL_STYLES[status.kernel],
        ),
        _model(status),
    ]
    if status.doing:
        parts.append(Content.styled(f"{status.doing}…", "italic $text-accent"))
    metric = _metric(status)
    if metric:
        parts.insert(1, metric)
    while len(parts) > 2 and cell_len(Content(GAP).join(parts).plain) > width - 2:
        # The expression is long and known; its value stays. Then the model's name gives way.
        if metric and parts[1] is metric and "  " in metric.plain:
            metric = parts[1] = Content.styled(metric.plain.rsplit("  ", 1)[1], "bold")
        else:
            parts.pop(-1 if not status.doing else -2)
    return Content(GAP).join(parts)


def _model(status: Status) -> Content:
    match status.model:
        case ModelState.READY:
            return Content.styled(status.model_name, "$foreground-muted")
        case ModelState.LOADING:
            return Content.styled("model loading…", "$foreground-muted")
        case _:
            return Content.styled("✗ no model", "$text-warning")


def _metric(status: Status) -> Content | None:
    if status.metric is None:
        return None
    expression = status.metric.expression
    if len(expression) > LONGEST_METRIC:
        expression = expression[: LONGEST_METRIC - 1] + "…"
    arrow = "↑" if status.metric.direction is Direction.MAXIMIZE else "↓"
    value = f"{arrow} {number(status.metric_value)}" if status.metric_value is not None else arrow
    return Content.styled(expression, "$foreground-muted") + Content("  ") + Content.styled(value, "bold")
