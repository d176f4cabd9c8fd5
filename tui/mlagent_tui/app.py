"""The Textual application: screens, keymap, theme, signals from outside. Everything else is the desk's."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.signal import Signal
from textual.worker import Worker, WorkerState

from jupyter_mlagent.errors import MlagentError
from mlagent_tui.commands import DeskCommands
from mlagent_tui.desk.bugs import bug_sentence
from mlagent_tui.desk.core import Core
from mlagent_tui.desk.desk import Desk
from mlagent_tui.desk.events import LATEST_COUNTS, DeskEvent, Said, Severity
from mlagent_tui.dialogs.choice import Answer, ChoiceScreen
from mlagent_tui.hangup import leave_now, let_go_of_terminal
from mlagent_tui.news import News
from mlagent_tui.notebook.graphics import Graphics, has_graphics
from mlagent_tui.notebook.images import draw_with
from mlagent_tui.notebook.screen import NotebookScreen
from mlagent_tui.settings.model import Settings
from mlagent_tui.settings.session import session_settings
from mlagent_tui.settings.store import save_settings

ENDING_SECONDS = 10.0
"""How long leaving waits for kernel and model to end by themselves."""
HANG_UP_SECONDS = 1.5
"""The same when the terminal is gone: systems that shut down wait no longer."""


def _autopilot() -> Screen[Any]:
    from mlagent_tui.autopilot.screen import AutopilotScreen

    return AutopilotScreen()


def _learning() -> Screen[Any]:
    from mlagent_tui.learning.screen import LearningScreen

    return LearningScreen()


def _search() -> Screen[Any]:
    from mlagent_tui.search.screen import SearchScreen

    return SearchScreen()


class MlagentApp(App[str | None]):
    """Returns a sentence when the notebook could not be opened at all."""

    TITLE = "mlagent"
    SCREENS = {"autopilot": _autopilot, "learning": _learning, "search": _search}  # noqa: RUF012
    COMMANDS = {DeskCommands}  # noqa: RUF012 - Textual's own declaration
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q", "leave", "Quit", key_display="q", id="quit"),
        Binding("question_mark,f1", "help", "Help", key_display="?", id="help"),
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, id="suspend"),
        Binding("comma", "settings", "Settings", show=False, id="settings"),
    ]

    def __init__(
        self,
        path: Path,
        core: Core,
        settings: Settings | None = None,
        keymap: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._keys = dict(keymap or {})
        self.settings = settings or Settings()
        self.desk = Desk(path, core, self._post)
        self.news: Signal[DeskEvent] = Signal(self, "news")
        self.rescued: Path | None = None
        self._life: Worker[None] | None = None
        self._waiting: set[type[DeskEvent]] = set()

    # -- life

    def on_mount(self) -> None:
        if self.settings.theme in self.available_themes:
            self.theme = self.settings.theme
        self.set_keymap(self._keys)
        self.desk.preview()
        self.push_screen(NotebookScreen())
        self._catch_signals()
        self._choose_graphics()
        self.call_after_refresh(self._begin)

    def _choose_graphics(self) -> None:
        """Placeholders carry numbers as colours: they need a terminal that gets every colour as it is."""
        can = has_graphics() and self.console.color_system == "truecolor" and not self.is_headless
        driver = self._driver
        draw_with(Graphics(driver.write) if can and self.settings.graphics and driver else None)

    def _begin(self) -> None:
        self._life = self._live()

    @work(exit_on_error=False)
    async def _live(self) -> None:
        try:
            await self.desk.open()
        except MlagentError as error:
            self.exit(str(error), return_code=1)
            return
        # A collection that walks all modules and widgets holds a key press back for a fifth of a second.
        gc.freeze()
        gc.set_threshold(10_000, 20, 50)
        await self.desk.serve()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is not WorkerState.ERROR or event.worker.error is None:
            return
        self.notify(bug_sentence(event.worker.error), severity="error", timeout=20, markup=False)

    async def end(self, message: str | None = None) -> None:
        """Kernel, trials and model end first, then the app."""
        self.desk.close()
        if self._life is not None and self._life.is_running:
            with contextlib.suppress(Exception):
                await asyncio.wait_for(self._life.wait(), ENDING_SECONDS)
        self.exit(message)

    def _catch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for name, handler in (("SIGHUP", self._terminal_gone), ("SIGTERM", self.hang_up)):
            with contextlib.suppress(NotImplementedError, RuntimeError, AttributeError, ValueError):
                loop.add_signal_handler(getattr(signal, name), handler)

    def _terminal_gone(self) -> None:
        leave = self.settings.leave_kernel_on_hangup
        self._rescue()
        let_go_of_terminal(HANG_UP_SECONDS, lambda: self.desk.kernel_pid if leave else None)
        if leave:
            leave_now(self.desk.kernel_pid)
        self.run_worker(self._end_and_leave(), group="end", exit_on_error=False)

    async def _end_and_leave(self) -> None:
        """Nobody looks any more: what Textual would still draw or put back is not waited for."""
        await self.end()
        leave_now()

    def hang_up(self) -> None:
        """The system wants us to end: save, then end."""
        self._rescue()
        self.run_worker(self.end(), group="end", exit_on_error=False)

    def _rescue(self) -> None:
        document = self.desk.document
        if document is None or not self.settings.save_on_hangup:
            return
        for screen in self.screen_stack:
            if isinstance(screen, NotebookScreen) and screen.pane.editor is not None:
                # What is being typed is work too.
                with contextlib.suppress(MlagentError):
                    document.edit(screen.pane.editor.cell_id, screen.pane.editor.text)
        self.rescued = document.rescue()

    # -- news

    def _post(self, event: DeskEvent) -> None:
        """Of events where only the latest counts, one at a time waits: hundreds of tokens a second must not
        stand between a key and its effect."""
        if isinstance(event, LATEST_COUNTS):
            if type(event) in self._waiting:
                return
            self._waiting.add(type(event))
        self.post_message(News(event))

    def on_news(self, message: News) -> None:
        self._waiting.discard(type(message.event))
        if isinstance(message.event, Said):
            said = message.event
            self.notify(said.text, severity=said.severity.value, markup=False)
        else:
            self.news.publish(message.event)

    # -- keys

    def action_leave(self) -> None:
        if not self.desk.modified:
            self.run_worker(self.end(), group="end")
            return

        def answered(answer: str | None) -> None:
            if answer == "save":
                self._save_and_end()
            elif answer == "leave":
                self.run_worker(self.end(), group="end")

        answers = [
            Answer("s", "Save and quit", "save"),
            Answer("d", "Discard", "leave", danger=True),
            Answer("c", "Cancel", "cancel"),
        ]
        self.push_screen(ChoiceScreen(f"Save {self.desk.path.name} before you go?", answers), answered)

    def _save_and_end(self) -> None:
        try:
            self.desk.editable().save()
        except MlagentError:
            # It changed on disk, or cannot be written: the notebook screen knows how to ask about that.
            self.screen_stack[-1].call_later(self._notebook_screen.action_save)
            return
        self.run_worker(self.end(), group="end")

    @property
    def _notebook_screen(self) -> NotebookScreen:
        return next(screen for screen in self.screen_stack if isinstance(screen, NotebookScreen))

    def action_help(self) -> None:
        from mlagent_tui.help.screen import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def action_settings(self) -> None:
        from mlagent_tui.settings.screen import SettingsScreen

        self.push_screen(SettingsScreen(self.settings), self._settings_are)

    def _settings_are(self, settings: Settings | None) -> None:
        """They hold from the next request on, and are kept for the next start."""
        if settings is None or settings == self.settings:
            return
        self.settings = settings
        self.theme = settings.theme
        self._choose_graphics()
        if self.desk.workbench is not None:
            self.desk.workbench.session.settings = session_settings(settings)
        try:
            save_settings(settings)
        except MlagentError as error:
            self.desk.post(Said(str(error), Severity.WARNING))

    def keys_of(self, binding: Binding) -> str:
        """As the person's keymap has it, else as it is declared."""
        return self._keys.get(binding.id or "", binding.key)
