"""The proposals beside the notebook: what is being written, the ranking, and the one that is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message

from jupyter_mlagent.phrases import number
from jupyter_mlagent.records import Direction
from mlagent_tui.proposals.board import Board, Phase, Row
from mlagent_tui.proposals.candidates import SPINNER, CandidateList
from mlagent_tui.proposals.detail import CandidateDetail, HasFaces
from mlagent_tui.sheet import Sheet

FRAME_SECONDS = 0.15
"""Between two drawings while a model writes: a token costs nothing until then."""


class ProposalPanel(Vertical, can_focus=True):
    """Draws a board; a key on it becomes a message, which the screen acts on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "decide('accept')", "Accept", id="proposal.accept"),
        Binding("A", "decide('insert')", "Accept, don't run", show=False, id="proposal.insert"),
        Binding("e", "decide('edit')", "Edit", id="proposal.edit"),
        Binding("r", "decide('reject')", "Reject", id="proposal.reject"),
        Binding("j,down", "move(1)", "Next", key_display="j/k", id="proposal.next"),
        Binding("k,up", "move(-1)", "Previous", show=False, id="proposal.previous"),
        Binding("d", "turn", "Diff", id="proposal.turn"),
        Binding("pagedown,space", "scroll_detail(1)", "Scroll", show=False, id="proposal.scroll_down"),
        Binding("pageup", "scroll_detail(-1)", "Scroll up", show=False, id="proposal.scroll_up"),
    ]

    @dataclass
    class Decided(Message):
        """`what` is accept, insert (without running), edit or reject."""

        what: str
        proposal_id: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._board = Board()
        self._notebook: HasFaces | None = None
        self._phase = Phase.NONE
        self._frame = 0
        self._dirty = False

    def compose(self) -> ComposeResult:
        yield Sheet(id="board-head")
        with VerticalScroll(id="candidate-scroll", can_focus=False):
            yield CandidateList(id="candidates")
        yield CandidateDetail(id="detail")

    def on_mount(self) -> None:
        self.set_interval(FRAME_SECONDS, self._tick)

    def show(self, board: Board, notebook: HasFaces) -> None:
        """Draw this board at the next frame, or at once when its request ended or began.

        The notebook is asked for its cells only when something of them is drawn: tokens come more often.
        """
        self._board, self._notebook, self._dirty = board, notebook, True
        if board.phase is not self._phase:
            self._draw()

    def _tick(self) -> None:
        if self._board.working and self.display:
            self._frame = (self._frame + 1) % len(SPINNER)
            self._dirty = True
        if self._dirty:
            self._draw()

    def _draw(self) -> None:
        self._dirty = False
        candidates = self.query_one(CandidateList)
        candidates.show(self._board, self._frame)
        if self._board.phase is Phase.RANKED and self._phase is not Phase.RANKED:
            candidates.ranked()
        self._phase = self._board.phase
        self.query_one("#board-head", Sheet).draw(head_content(self._board, SPINNER[self._frame]))
        self._draw_detail()

    def _draw_detail(self) -> None:
        row = self.query_one(CandidateList).chosen
        self.query_one(CandidateDetail).show(row, self._board.metric, self._notebook)

    def on_candidate_list_chosen(self) -> None:
        self._draw_detail()
        self.query_one(CandidateDetail).scroll_home(animate=False)

    @property
    def chosen(self) -> Row | None:
        return self.query_one(CandidateList).chosen

    def action_move(self, step: int) -> None:
        self.query_one(CandidateList).move(step)

    def action_turn(self) -> None:
        self.query_one(CandidateDetail).next_side()
        self._draw_detail()

    def action_scroll_detail(self, pages: int) -> None:
        detail = self.query_one(CandidateDetail)
        detail.scroll_to(y=detail.scroll_offset.y + pages * max(1, detail.size.height - 2), animate=False)

    def action_decide(self, what: str) -> None:
        row = self.chosen
        if row is not None and row.open:
            self.post_message(self.Decided(what, row.id))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Verdict keys are offered only when there is something to decide."""
        del parameters
        if action == "decide":
            row = self.chosen if self.is_mounted else None
            return True if row is not None and row.open else None
        return True


def head_content(board: Board, spinner: str) -> Content:
    """Two lines: what is measured and where it stands; what is under way or how long it took."""
    first = Content.styled("Proposals", "bold $text-primary")
    if board.metric is not None:
        arrow = "↑" if board.metric.direction is Direction.MAXIMIZE else "↓"
        first += Content.styled(f"  {board.metric.expression}  ", "$foreground-muted")
        first += Content(f"{arrow} {number(board.metric_before)}").stylize("bold")
    return first + Content("\n") + _progress(board, spinner)


def _progress(board: Board, spinner: str) -> Content:
    working = Content.styled(f"{spinner} ", "$text-accent")
    match board.phase:
        case Phase.STARTING:
            return working + Content("getting ready")
        case Phase.READING:
            return working + Content(f"{board.model} reads the notebook")
        case Phase.WRITING:
            tried = sum(row.trial is not None for row in board.rows)
            cached = f" ({board.cached_tokens} kept)" if board.cached_tokens else ""
            counts = f"{board.tokens} tokens · {tried} of {len(board.rows)} tried"
            return working + Content(f"{counts} · read {board.prompt_tokens}{cached}")
        case Phase.FAILED:
            return Content.styled(board.message, "$text-error")
        case Phase.RANKED if board.timings is not None and any(row.rank for row in board.rows):
            usable = sum(row.rank is not None for row in board.rows)
            word = board.operator.value if board.operator else "step"
            counts = f"{usable} of {len(board.rows)} usable · {word}"
            seconds = f"{board.timings.total_seconds:.1f} s"
            return Content.styled(f"{counts} · {seconds} · {board.model}", "$foreground-muted")
        case _:
            return Content.styled(board.message or "p asks for proposals", "$foreground-muted")
