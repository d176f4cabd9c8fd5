"""One line of text wanted from the person."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class LineScreen(ModalScreen[str | None]):
    """Dismissed with the text, or None on escape."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss_none", "Cancel", id="line.cancel"),
    ]

    def __init__(self, title: str, *, text: str = "", value: str = "", placeholder: str = "") -> None:
        super().__init__()
        self._title = title
        self._text = text
        self._value = value
        self._placeholder = placeholder

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog--title", markup=False)
            if self._text:
                yield Static(self._text, classes="dialog--text", markup=False)
            yield Input(self._value, placeholder=self._placeholder, compact=True)
            yield Static("enter to go on · escape to cancel", classes="dialog--keys")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value.strip())

    def action_dismiss_none(self) -> None:
        self.dismiss(None)
