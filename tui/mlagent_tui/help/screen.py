"""The help screen: every key of every part, as it is bound now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from mlagent_tui.autopilot.screen import AutopilotScreen
from mlagent_tui.learning.screen import LearningScreen
from mlagent_tui.notebook.editor import CellEditor, ProposalEditor
from mlagent_tui.notebook.screen import NotebookScreen
from mlagent_tui.notebook.view import NotebookView
from mlagent_tui.proposals.panel import ProposalPanel
from mlagent_tui.search.at_node import NotebookAtNode
from mlagent_tui.search.screen import SearchScreen
from mlagent_tui.settings.store import keymap_path

if TYPE_CHECKING:
    from mlagent_tui.app import MlagentApp

KEY_WIDTH = 16
INTRODUCTION = """\
p runs the notebook if it has not run yet, then the model writes several next cells. Each is tried in a copy \
of the kernel; what it measured stands beside it. Nothing touches your notebook until you accept it."""


class HelpScreen(ModalScreen[None]):
    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "leave", "Close", id="help.close"),
        Binding("j", "scroll(1)", show=False, id="help.down"),
        Binding("k", "scroll(-1)", show=False, id="help.up"),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help"):
            yield Static(Content.styled("mlagent in the terminal", "bold $text-primary"))
            yield Static(Content(INTRODUCTION), id="help-introduction")
            yield Static(Content("\n").join(list(self._lines())))

    def _lines(self) -> Iterator[Content]:
        groups: tuple[tuple[str, type[Widget]], ...] = (
            ("Notebook", NotebookScreen),
            ("Moving", NotebookView),
            ("Proposals (tab goes there)", ProposalPanel),
            ("Editing a cell", CellEditor),
            ("Editing a proposal", ProposalEditor),
            ("Autopilot", AutopilotScreen),
            ("Search", SearchScreen),
            ("The notebook in a node of the search", NotebookAtNode),
            ("Learning", LearningScreen),
        )
        for title, owner in groups:
            yield Content.styled(title, "bold")
            for binding in owner.BINDINGS:
                if isinstance(binding, Binding) and binding.description:
                    yield self._line(binding)
            yield Content("")
        for binding in self.app.BINDINGS:
            if isinstance(binding, Binding):
                yield self._line(binding)
        yield self._line(Binding("ctrl+p", "", "Command palette"))
        yield Content("")
        yield Content.styled(f"Other keys: {keymap_path()}, e.g.  ", "$foreground-muted") + Content(
            '"proposal.accept" = "y"'
        )

    def _line(self, binding: Binding) -> Content:
        keys = cast("MlagentApp", self.app).keys_of(binding)
        shown = " ".join(self.app.get_key_display(Binding(key, "")) for key in keys.split(","))
        name = Content.styled(f"  {shown:<{KEY_WIDTH}}", "$text-accent")
        return (
            name
            + Content(f"{binding.description:<24}")
            + Content.styled(binding.id or "", "$foreground-muted")
        )

    def action_leave(self) -> None:
        self.dismiss()

    def action_scroll(self, rows: int) -> None:
        self.query_one("#help").scroll_relative(y=rows, animate=False)
