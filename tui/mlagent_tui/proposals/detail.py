"""One candidate close up: plan, trial, and its code, diff or output."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content

from jupyter_mlagent.records import Metric
from mlagent_tui.notebook.cell_paint import code_content, code_line
from mlagent_tui.notebook.face import CellFace
from mlagent_tui.notebook.outputs import error_content, output_sections
from mlagent_tui.proposals.board import Row
from mlagent_tui.proposals.diff import diff_content, diff_of
from mlagent_tui.proposals.words import trial_content
from mlagent_tui.sheet import Sheet

_HEAD_ROWS = 4
"""Plan, sides and the space between, above the code."""


class Side(StrEnum):
    CODE = "code"
    DIFF = "diff"
    OUTPUT = "output"


class HasFaces(Protocol):
    """Whoever knows the notebook's cells."""

    @property
    def faces(self) -> Sequence[CellFace]: ...


class CandidateDetail(VerticalScroll, can_focus=False):
    """Shows a row of the board; which side of it stays the same from candidate to candidate."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.side = Side.CODE

    def compose(self) -> ComposeResult:
        yield Sheet(id="detail-plan")
        yield Sheet(id="detail-trial")
        yield Sheet(id="detail-sides")
        yield Sheet(id="detail-body")

    def next_side(self) -> None:
        sides = list(Side)
        self.side = sides[(sides.index(self.side) + 1) % len(sides)]

    def show(self, row: Row | None, metric: Metric | None, notebook: HasFaces | None) -> None:
        plan, trial, sides, body = (
            self.query_one(f"#detail-{part}", Sheet) for part in ("plan", "trial", "sides", "body")
        )
        self.display = row is not None
        if row is None:
            return
        plan.draw(Content(row.plan.strip() or row.reason or "…"))
        trial.display = row.trial is not None
        if row.trial is not None:
            trial.draw(trial_content(row.trial, metric))
        sides.draw(self._tabs())
        body.draw_lines(self._body(row, notebook))

    def _tabs(self) -> Content:
        tabs = [
            Content.styled(
                f" {side.value} ",
                "bold $text on $primary-muted" if side is self.side else "$foreground-muted",
            )
            for side in Side
        ]
        return Content(" ").join(tabs) + Content.styled("  d turns", "$foreground-muted")

    def _body(self, row: Row, notebook: HasFaces | None) -> list[Content]:
        match self.side:
            case Side.DIFF if row.proposal is not None:
                content = diff_content(diff_of(row.proposal, notebook.faces if notebook else ()))
            case Side.OUTPUT:
                content = self._output(row)
            case _ if row.proposal is None:
                return self._being_written(row.source)
            case _:
                content = code_content(row.source) if row.source.strip() else Content("")
        return content.split("\n", allow_blank=True)

    def _being_written(self, source: str) -> list[Content]:
        """The end of it, always as many rows: it turns over half a page at a time, so that a token costs one
        line, however long the reply is, here and on the way to the terminal.
        """
        room = self.size.height - _HEAD_ROWS
        lines = source.split("\n") if source.strip() else [""]
        if room >= 2:
            first = 0 if len(lines) <= room else -((room - len(lines)) // (room // 2)) * (room // 2)
            lines = lines[first:] + [""] * (room - len(lines[first:]))
        return [code_line(line) for line in lines]

    def _output(self, row: Row) -> Content:
        outputs = list(row.trial.outputs) if row.trial and row.trial.outputs else row.outputs
        width = max(20, self.size.width - 2)
        parts = [section.content for section in output_sections(outputs, width, pictures=False)]
        errored = any(output.get("output_type") == "error" for output in outputs)
        if row.trial is not None and row.trial.error is not None and not errored:
            error = row.trial.error
            parts.append(
                error_content(
                    {"traceback": error.traceback, "ename": error.name, "evalue": error.value}, None
                )
            )
        return (
            Content("\n").join(parts) if parts else Content.styled("It printed nothing.", "$foreground-muted")
        )
