"""Editing a cell where it stands, or a proposal before it is accepted."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Footer, Static, TextArea

# The grammars are an optional dependency of Textual's; without them text is plain, and editing works.
LANGUAGE = "python" if find_spec("tree_sitter_python") and find_spec("tree_sitter") else None


class CodeArea(TextArea):
    """A text area for Python (coloured where the grammars are installed), or for prose."""

    def __init__(self, text: str = "", *, python: bool = True, id: str | None = None) -> None:
        super().__init__(
            text,
            language=LANGUAGE if python else None,
            soft_wrap=True,
            tab_behavior="indent",
            show_line_numbers=False,
            compact=True,
            id=id,
        )


class CellEditor(CodeArea):
    """Lies over one cell of the view; `escape` keeps the text, `ctrl+g` throws it away."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the text area, which would take it for "leave the field".
        Binding("escape", "leave('keep')", "Keep", id="editor.keep", priority=True),
        Binding("ctrl+r,ctrl+enter,shift+enter", "leave('run')", "Keep and run", id="editor.run"),
        Binding("ctrl+g", "leave('discard')", "Discard", id="editor.discard"),
    ]

    @dataclass
    class Left(Message):
        """`how` is keep, run or discard."""

        cell_id: str
        text: str
        how: str

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cell_id = ""

    def open(self, cell_id: str, text: str, *, python: bool) -> None:
        """Begin on another cell; nothing of the one before can be undone into it."""
        self.cell_id = cell_id
        self.language = LANGUAGE if python else None
        self.load_text(text)
        self.move_cursor(self.document.end)

    def action_leave(self, how: str) -> None:
        self.post_message(self.Left(self.cell_id, self.text, how))


class ProposalEditor(ModalScreen[str | None]):
    """Dismissed with the edited code, or None."""

    CSS_PATH = "editor.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(False)", "Cancel", id="proposal_editor.cancel", priority=True),
        Binding("ctrl+s,ctrl+r", "leave(True)", "Accept and run", id="proposal_editor.accept", priority=True),
    ]

    def __init__(self, plan: str, code: str) -> None:
        super().__init__()
        self._plan = plan
        self._code = code

    def compose(self) -> ComposeResult:
        with Vertical(id="proposal-editor"):
            yield Static(self._plan, id="proposal-plan", markup=False)
            yield CodeArea(self._code, id="proposal-code")
            yield Footer()

    def on_mount(self) -> None:
        self.query_one(CodeArea).focus()

    def action_leave(self, accept: bool) -> None:
        self.dismiss(self.query_one(CodeArea).text if accept else None)
