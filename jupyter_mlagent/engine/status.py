"""What the engine is doing, for a front end to show."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from jupyter_mlagent.records import Record


class EngineState(StrEnum):
    STOPPED = "stopped"
    STARTING = "starting"
    LOADING = "loading"
    READY = "ready"
    GENERATING = "generating"
    RESTARTING = "restarting"


class EngineStatus(Record):
    state: EngineState = EngineState.STOPPED
    progress: float | None = None
    """0 to 1 of the weights, while loading."""
    memory_bytes: int | None = None
    """Resident memory of the worker, the mapped weights included."""
    message: str = ""
    """Why it stopped or restarts, as one sentence."""


Watcher = Callable[[EngineStatus], None]


class StatusBoard:
    """The current status and who wants to hear of its changes."""

    def __init__(self) -> None:
        self.current = EngineStatus()
        self._watchers: list[Watcher] = []

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with the current status and at every change; the result ends that."""
        self._watchers.append(watcher)
        watcher(self.current)

        def unwatch() -> None:
            if watcher in self._watchers:
                self._watchers.remove(watcher)

        return unwatch

    def show(self, status: EngineStatus) -> None:
        if status == self.current:
            return
        self.current = status
        for watcher in tuple(self._watchers):
            watcher(status)
