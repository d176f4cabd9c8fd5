"""A run under way, as a recipe sees it: tell what happens, ask what the person wants, find the checkpoint."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Any

from jupyter_mlagent.training_events import TrainingEvent
from local_rl.errors import TrainingError
from local_rl.training.folder import CONTROL_FILE, Facts, RunFolder


class Wanted(StrEnum):
    GO_ON = "go_on"
    PAUSE = "pause"
    """Save a checkpoint, end, and give the device back; resumed later with the same numbers to come."""
    STOP = "stop"
    """End now, with what was learned until here."""


class Paused(TrainingError):  # noqa: N818 - wanted, not a mistake
    """The run ended because it was asked to pause; its checkpoint is saved."""


class Run:
    """Its folder, and the two directions between trainer and person."""

    def __init__(self, folder: RunFolder, on_event: Callable[[TrainingEvent], None] = lambda _: None) -> None:
        self.folder = folder
        self.name = folder.name
        self._on_event = on_event
        self._signalled = threading.Event()
        self._began = time.monotonic()
        self._began_at: int | None = None

    @property
    def facts(self) -> Facts:
        return self.folder.facts()

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints go, in folders called `checkpoint-<update>`."""
        return self.folder.checkpoints

    def latest_checkpoint(self) -> Path | None:
        return self.folder.latest_checkpoint()

    def tell(self, event: TrainingEvent) -> None:
        """On disk and with the front end when this returns."""
        self.folder.add_event(event)
        self._on_event(event)

    @property
    def wanted(self) -> Wanted:
        """To be looked at after every update. A signal to end means: pause, so that nothing is lost."""
        if self._signalled.is_set():
            return Wanted.PAUSE
        with contextlib.suppress(OSError, ValueError):
            return Wanted((self.folder.path / CONTROL_FILE).read_text().strip())
        return Wanted.GO_ON

    def ask(self, wanted: Wanted) -> None:
        """From any process."""
        self.folder.write(CONTROL_FILE, wanted.value.encode())

    def seconds_left(self, update: int, updates: int) -> float | None:
        """At the pace since this process began; None before there is one."""
        if self._began_at is None:
            self._began, self._began_at = time.monotonic(), update
            return None
        done = update - self._began_at
        return (time.monotonic() - self._began) / done * (updates - update) if done > 0 else None

    @contextlib.contextmanager
    def heeding_signals(self) -> Iterator[None]:
        """Within it SIGTERM, SIGHUP and Ctrl-C ask for a pause; a second Ctrl-C ends at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def pause(number: int, _: FrameType | None) -> None:
            if number == signal.SIGINT and self._signalled.is_set():
                raise KeyboardInterrupt
            self._signalled.set()

        before: dict[int, Any] = {}
        for name in ("SIGTERM", "SIGHUP", "SIGINT"):
            if hasattr(signal, name):
                number = getattr(signal, name)
                before[number] = signal.signal(number, pause)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
