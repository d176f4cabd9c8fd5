"""A search's tree and its nodes as text: a colour and a bar for the metric, a mark for the state. Pure."""

from __future__ import annotations

from rich.cells import cell_len
from textual.color import Color
from textual.content import Content

from jupyter_mlagent.phrases import number
from jupyter_mlagent.records import Direction
from jupyter_mlagent.search.node import Status
from jupyter_mlagent.search.tree import ROOT
from jupyter_mlagent.search.view import NodeView
from mlagent_tui.search.record import Branch, SearchRecord

QUIET = "$foreground-muted"
BARS = "▁▂▃▄▅▆▇█"
WORST, BEST = Color.parse("#d05a5a"), Color.parse("#3fae6a")
MARKS = {
    Status.OPEN: " ",
    Status.EXPANDING: "…",
    Status.TERMINAL: "·",
    Status.PRUNED: "✂",
    Status.PINNED: "⚑",
}


def shade_style(shade: float | None) -> str:
    """From red (the worst of the search) to green (the best)."""
    return QUIET if shade is None else WORST.blend(BEST, shade).hex


def shade_bar(shade: float | None) -> str:
    """The same for eyes and terminals without colour."""
    return "✗" if shade is None else BARS[round(shade * (len(BARS) - 1))]


def branch_content(branch: Branch, width: int, *, chosen: bool, trying: int) -> Content:
    """One row of the tree."""
    node = branch.node
    style = shade_style(node.shade)
    value = number(node.metric) if node.metric is not None else "failed" if not node.works else "none"
    name = "notebook" if node.id == ROOT else f"{node.id}"
    left = Content.assemble(
        ("▌" if chosen else " ", "$primary"),
        (branch.lead, QUIET),
        (shade_bar(node.shade), style),
        (f" {name} ", "bold" if node.best else ""),
        (f"{value} ", f"bold {style}" if node.best else style),
        (MARKS[node.status], "$text-warning"),
        ("★ " if node.best else " ", "$text-success"),
    )
    if trying:
        left += Content.styled(f"trying {trying} ", "$text-accent")
    if node.hint:
        left += Content.styled("hint ", "$text-warning")
    room = max(4, width - cell_len(left.plain) - 1)
    words = "as it stands" if node.id == ROOT else " ".join(node.plan.split())
    quiet = node.status is Status.PRUNED or not node.works
    plan = Content.styled(words, QUIET if quiet else "").truncate(room, ellipsis=True)
    line = left + plan.pad_right(max(0, room - cell_len(plan.plain)))
    return line.stylize_before("on $boost") if chosen else line


def head_content(record: SearchRecord | None, budget: str, searching: bool) -> Content:
    """Three lines: what was found, what it costs, what it noticed last."""
    title = Content.styled("Search", "bold $text-primary") + Content("  ")
    if record is None:
        words = (
            "enter starts: the notebook runs once more beside your kernel, then grows into a tree of tries"
        )
        return title + Content.styled(budget, QUIET) + Content("\n") + Content.styled(words, QUIET)
    title += Content("1 cell tried" if record.steps == 1 else f"{record.steps} cells tried")
    start = record.nodes[ROOT].metric if ROOT in record.nodes else None
    if record.metric is not None:
        arrow = "↑" if record.metric.direction is Direction.MAXIMIZE else "↓"
        best = record.best_metric if record.best is not None else start
        title += Content("  ") + Content.styled(f"{arrow} {number(start)} → {number(best)}", "bold")
    second = Content.styled(state_words(record, searching), "$text-accent" if searching else "$text-warning")
    if record.spent is not None:
        cost = f"  {record.spent.seconds:.0f} s, {record.spent.tokens:,} tokens"
        second += Content.styled(f"{cost}, {record.spent.progress:.0%} of the budget", QUIET)
    lines = [title, second]
    if record.message:
        lines.append(Content.styled(record.message, QUIET))
    return Content("\n").join(lines)


def state_words(record: SearchRecord, searching: bool) -> str:
    if record.ended:
        return record.ended if not searching else f"{record.ended}; choosing the path"
    if record.paused:
        return "paused"
    return "searching" if record.nodes else "running the notebook's cells once more"


def node_content(node: NodeView) -> Content:
    """What a node is, without its code: result, standing, what was expected."""
    if node.id == ROOT:
        return Content.styled(f"The notebook as it stands: {number(node.metric)}", "bold")
    style = shade_style(node.shade)
    first = Content.styled(f"{node.id} ", "bold") + Content.styled(f"{node.operator} ", QUIET)
    first += Content.styled(number(node.metric) if node.works else "failed", f"bold {style}")
    first += Content.styled("  on the best path ★" if node.best else "", "$text-success")
    lines = [first, Content.styled(" ".join(node.plan.split()), "bold")]
    facts = [f"{node.seconds:.2f} s", f"{node.visits} below, mean worth {node.mean:.2f}", node.status.value]
    if node.predicted is not None:
        expected = node.predicted
        facts.append(
            f"expected {number(expected.metric)} ({number(expected.low)} to {number(expected.high)})"
        )
    lines.append(Content.styled(" · ".join(facts), QUIET))
    if node.error:
        lines.append(Content.styled(node.error, "$text-error"))
    if node.ended:
        lines.append(Content.styled(node.ended, QUIET))
    if node.hint:
        lines.append(Content.styled(f"hint: {node.hint}", "$text-warning"))
    return Content("\n").join(lines)
