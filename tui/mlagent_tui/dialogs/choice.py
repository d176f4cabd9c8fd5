"""One question, a few answers, each with its own key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static


@dataclass(frozen=True)
class Answer:
    key: str
    label: str
    value: str
    danger: bool = False


class ChoiceScreen(ModalScreen[str | None]):
    """Dismissed with the answer's value, or None on escape."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss_none", "Cancel", id="choice.cancel"),
        Binding("left", "app.focus_previous", show=False, id="choice.left"),
        Binding("right", "app.focus_next", show=False, id="choice.right"),
    ]

    def __init__(self, question: str, answers: Sequence[Answer], *, detail: str = "") -> None:
        super().__init__()
        self._question = question
        self._detail = detail
        self._answers = {answer.key: answer for answer in answers}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._question, classes="dialog--title", markup=False)
            if self._detail:
                yield Static(self._detail, classes="dialog--text", markup=False)
            with Horizontal(classes="dialog--buttons"):
                for answer in self._answers.values():
                    yield Button(
                        f"{answer.label} ({answer.key})",
                        id=f"answer-{answer.value}",
                        variant="error" if answer.danger else "default",
                        compact=True,
                    )

    def on_mount(self) -> None:
        self.query(Button).first().focus()

    def key_answer(self, key: str) -> bool:
        answer = self._answers.get(key)
        if answer is not None:
            self.dismiss(answer.value)
        return answer is not None

    def on_key(self, event: object) -> None:
        key = getattr(event, "key", "")
        if self.key_answer(key):
            event.stop()  # type: ignore[attr-defined]

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss((event.button.id or "").removeprefix("answer-"))

    def action_dismiss_none(self) -> None:
        self.dismiss(None)
