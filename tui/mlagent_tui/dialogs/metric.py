"""What should get better: an expression over the notebook's variables, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, RadioButton, RadioSet, Static

from jupyter_mlagent.metrics import EXAMPLE
from jupyter_mlagent.records import Direction, Metric


@dataclass(frozen=True)
class MetricWish:
    expression: str
    """Empty: find one in the notebook."""
    direction: Direction | None
    """None: as the expression's name says."""


class MetricScreen(ModalScreen[MetricWish | None]):
    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss_none", "Cancel", id="metric.cancel"),
    ]

    def __init__(self, metric: Metric | None, reason: str = "") -> None:
        super().__init__()
        self._metric = metric
        self._reason = reason

    def compose(self) -> ComposeResult:
        direction = self._metric.direction if self._metric else None
        with Vertical(classes="dialog"):
            yield Static("What should get better?", classes="dialog--title")
            text = self._reason or "A Python expression over the notebook's variables; empty finds one in it."
            yield Static(text, classes="dialog--text", markup=False)
            yield Input(self._metric.expression if self._metric else "", placeholder=EXAMPLE, compact=True)
            with RadioSet(compact=True):
                yield RadioButton("as its name says", value=direction is None)
                yield RadioButton("higher is better", value=direction is Direction.MAXIMIZE)
                yield RadioButton("lower is better", value=direction is Direction.MINIMIZE)
            yield Static("enter to go on · tab to the direction · escape to cancel", classes="dialog--keys")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        chosen = self.query_one(RadioSet).pressed_index
        direction = {1: Direction.MAXIMIZE, 2: Direction.MINIMIZE}.get(chosen)
        self.dismiss(MetricWish(event.value.strip(), direction))

    def action_dismiss_none(self) -> None:
        self.dismiss(None)
