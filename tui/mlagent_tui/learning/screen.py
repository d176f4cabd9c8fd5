"""Watching the agent learn, and choosing between what it has learned."""

from __future__ import annotations

import contextlib
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import DataTable, Footer, Static

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.training_events import (
    AdapterInfo,
    Trainer,
    TrainingEnded,
    TrainingKind,
    TrainingState,
    find_trainer,
)
from mlagent_tui.desk.events import Said
from mlagent_tui.deskscreen import DeskScreen
from mlagent_tui.dialogs.choice import Answer, ChoiceScreen
from mlagent_tui.learning.draw import NO_TRAINER, adapter_row, comparison_text, training_content
from mlagent_tui.learning.progress import TrainingRecord
from mlagent_tui.statusline import StatusLine

RESUMABLE = (TrainingState.PAUSED, TrainingState.FAILED)
KINDS = (
    Answer("v", "Verdicts", TrainingKind.VERDICTS.value),
    Answer("e", "Explore", TrainingKind.EXPLORE.value),
    Answer("s", "Steps", TrainingKind.STEPS.value),
    Answer("c", "Cancel", "cancel"),
)
KINDS_TEXT = """\
Verdicts: from what you accepted, edited and rejected here.
Explore: fine-tuning on diverse steps whose execution succeeded.
Steps: reinforcement learning, one step at a time, each executed.
`mlagent train` has every setting, and shows each row before it is learned from."""
COLUMNS = ("", "adapter", "held out", "steps", "created", "")


class LearningScreen(DeskScreen):
    CSS_PATH = ["screen.tcss"]  # noqa: RUF012 - Textual's declaration
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "start", "Start", id="learning.start"),
        Binding("space", "pause", "Pause / resume", id="learning.pause"),
        Binding("c,enter", "compare", "Compare, promote", key_display="c", id="learning.compare"),
        Binding("B", "roll_back", "Roll back", id="learning.roll_back"),
        Binding("escape,l", "back", "Back", key_display="esc", id="learning.back"),
    ]

    def __init__(self, trainer: Trainer | None = None) -> None:
        super().__init__()
        self.trainer = trainer
        self.record = TrainingRecord()
        self._adapters: tuple[AdapterInfo, ...] = ()

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        with VerticalScroll(id="learning", can_focus=False):
            yield Static(Content.styled("Learning", "bold $text-primary"), id="learning-title")
            yield Static(id="training")
            yield Static(Content.styled("Adapters", "bold"), id="adapters-title")
            yield DataTable(id="adapters", cursor_type="row", zebra_stripes=True)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one(DataTable).add_columns(*COLUMNS)
        if self.trainer is None:
            try:
                self.trainer = find_trainer()
            except Exception as error:  # a trainer that does not even import
                self.record.message = f"The trainer cannot be loaded ({type(error).__name__}: {error})."
        if self.trainer is not None:
            self.attempt(self._listen(self.trainer), group="learning")
            self.attempt(self._show_adapters())
        self._draw()

    async def _listen(self, trainer: Trainer) -> None:
        async with contextlib.aclosing(trainer.events()) as stream:
            async for event in stream:
                self.record.hear(event)
                self._draw()
                if isinstance(event, TrainingEnded) and event.adapter is not None:
                    await self._show_adapters()

    def on_screen_resume(self) -> None:
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        desk = self.desk
        self.query_one(StatusLine).show(desk.path, desk.status, modified=desk.modified)
        training = self.query_one("#training", Static)
        has_trainer = self.trainer is not None
        for part in ("#adapters-title", "#adapters"):
            self.query_one(part).display = has_trainer
        if has_trainer:
            training.update(training_content(self.record, training.size.width or 78))
        else:
            training.update(Content("\n\n".join(filter(None, (NO_TRAINER, self.record.message)))))
        self.offer_keys(has_trainer, self.record.state)

    async def _show_adapters(self) -> None:
        assert self.trainer is not None
        table = self.query_one(DataTable)
        self._adapters = tuple(await self.trainer.adapters())
        table.clear()
        for adapter in self._adapters:
            table.add_row(*adapter_row(adapter))

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        del parameters
        if action == "back":
            return True
        if action in ("start", "pause", "compare", "roll_back") and self.trainer is None:
            return None
        state = self.record.state
        if action == "pause":
            return True if state in (TrainingState.RUNNING, *RESUMABLE) else None
        if action == "start":
            return None if state is TrainingState.RUNNING else True
        return True

    def action_start(self) -> None:
        trainer = self.trainer
        if trainer is None:
            return

        def answered(answer: str | None) -> None:
            if answer is not None and answer != "cancel":
                self.attempt(trainer.start(TrainingKind(answer)))

        self.app.push_screen(ChoiceScreen("Learn from what?", KINDS, detail=KINDS_TEXT), answered)

    def action_pause(self) -> None:
        if self.trainer is not None:
            goes_on = self.record.state in RESUMABLE
            self.attempt(self.trainer.resume() if goes_on else self.trainer.pause())

    def action_compare(self) -> None:
        table = self.query_one(DataTable)
        if self.trainer is not None and table.cursor_row < len(self._adapters):
            self.attempt(self._compare(self._adapters[table.cursor_row].name))

    def on_data_table_row_selected(self) -> None:
        self.action_compare()

    async def _compare(self, name: str) -> None:
        assert self.trainer is not None
        comparison = await self.trainer.compare(name)
        answers = [Answer("c", "Close", "close")]
        if comparison.promotable:
            answers.insert(0, Answer("p", "Promote", "promote"))

        def answered(answer: str | None) -> None:
            if answer == "promote":
                self.attempt(self._promote(name))

        title = f"{name} against {comparison.active or 'the base model'}"
        self.app.push_screen(ChoiceScreen(title, answers, detail=comparison_text(comparison)), answered)

    async def _promote(self, name: str) -> None:
        assert self.trainer is not None
        await self.trainer.promote(name)
        await self._show_adapters()
        self.desk.post(Said(f"{name} writes the proposals from now on."))

    def action_roll_back(self) -> None:
        if self.trainer is not None:
            self.attempt(self._roll_back())

    async def _roll_back(self) -> None:
        if self.trainer is None:
            raise MlagentError("No trainer is installed.")
        await self.trainer.roll_back()
        await self._show_adapters()
        self.desk.post(Said("Back to the adapter before."))

    def action_back(self) -> None:
        self.app.pop_screen()
