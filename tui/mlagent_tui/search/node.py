"""One node close up: what it is, and its code, output or difference from its parent."""

from __future__ import annotations

from enum import StrEnum

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from jupyter_mlagent.search.view import NodeView
from mlagent_tui.notebook.cell_paint import code_content
from mlagent_tui.notebook.text import printed
from mlagent_tui.proposals.diff import line_style
from mlagent_tui.search.draw import node_content
from mlagent_tui.sheet import Sheet

SILENT = "It printed nothing."


class NodeSide(StrEnum):
    CODE = "code"
    OUTPUT = "output"
    DIFF = "diff to parent"


class NodeSheets(VerticalScroll, can_focus=False):
    """The side stays the same from node to node."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.side = NodeSide.CODE

    def compose(self) -> ComposeResult:
        yield Sheet(id="node-head")
        yield Sheet(id="node-sides")
        yield Sheet(id="node-body")

    def next_side(self) -> None:
        sides = list(NodeSide)
        self.side = sides[(sides.index(self.side) + 1) % len(sides)]

    def show(self, node: NodeView | None, summary: str) -> None:
        self.display = node is not None
        if node is None:
            return
        head = node_content(node)
        if summary and node.parent is None:
            head += Content("\n") + Content(summary)
        self.query_one("#node-head", Sheet).draw(head)
        self.query_one("#node-sides", Sheet).draw(self._tabs())
        self.query_one("#node-body", Sheet).draw(self._body(node))

    def _tabs(self) -> Content:
        tabs = [
            Content.styled(
                f" {side.value} ",
                "bold $text on $primary-muted" if side is self.side else "$foreground-muted",
            )
            for side in NodeSide
        ]
        return Content(" ").join(tabs) + Content.styled("  d turns", "$foreground-muted")

    def _body(self, node: NodeView) -> Content:
        quiet = "$foreground-muted"
        if node.parent is None:
            return Content.styled("g shows the notebook in the state of the node under the cursor.", quiet)
        match self.side:
            case NodeSide.OUTPUT:
                return (
                    printed(node.output, None)
                    if node.output
                    else Content.styled("It printed nothing.", quiet)
                )
            case NodeSide.DIFF if not node.diff:
                return Content.styled("Its parent is the notebook itself: all of it is new.", quiet)
            case NodeSide.DIFF:
                lines = node.diff.splitlines()
                return Content("\n").join(Content.styled(line, line_style(line)) for line in lines)
            case _:
                return code_content(node.code)
