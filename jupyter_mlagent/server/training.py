"""A training run as a page shows it, grown from the trainer's events."""

from __future__ import annotations

from typing import Any

import msgspec

from jupyter_mlagent.records import Record
from jupyter_mlagent.training_events import (
    CheckpointSaved,
    HeldOutScored,
    TrainingEnded,
    TrainingEvent,
    TrainingProgress,
    TrainingStarted,
    TrainingState,
    TrainingStateChanged,
)

MOST_POINTS = 160
"""Of a curve; beyond that every second one goes, so that a long run stays one small message."""


class CurvePoint(Record):
    update: int
    loss: float | None = None
    reward: float | None = None


class TrainingStatus(Record, tag="training_changed"):
    """`GET mlagent/training`, and sent to every page whenever it changes."""

    installed: bool
    """Whether there is a trainer on this machine."""
    message: str = ""
    """One sentence: why there is none, what the run waits for, or how it ended."""
    state: TrainingState = TrainingState.IDLE
    run: TrainingStarted | None = None
    progress: TrainingProgress | None = None
    curve: tuple[CurvePoint, ...] = ()
    held_out: tuple[HeldOutScored, ...] = ()
    checkpoint: int | None = None
    """Update from which the run could be resumed."""
    candidate: str | None = None
    """The adapter that the run made."""


class TrainingRun:
    """The same events always give the same status; a new run begins with an empty one."""

    def __init__(self) -> None:
        self.status = TrainingStatus(installed=True)
        self._seen = 0
        self._every = 1

    def apply(self, event: TrainingEvent) -> None:
        match event:
            case TrainingStarted():
                self.status = TrainingStatus(installed=True, state=TrainingState.RUNNING, run=event)
                self._seen, self._every = 0, 1
            case TrainingProgress():
                self._change(progress=event, curve=self._curve_with(event))
            case HeldOutScored():
                self._change(held_out=(*self.status.held_out, event))
            case TrainingStateChanged():
                self._change(state=event.state, message=event.reason)
            case CheckpointSaved():
                self._change(checkpoint=event.update)
            case TrainingEnded():
                self._change(state=event.state, message=event.message, candidate=event.adapter)

    def _change(self, **fields: Any) -> None:
        self.status = msgspec.structs.replace(self.status, **fields)

    def _curve_with(self, progress: TrainingProgress) -> tuple[CurvePoint, ...]:
        number, self._seen = self._seen, self._seen + 1
        if number % self._every:
            return self.status.curve
        point = CurvePoint(update=progress.update, loss=progress.loss, reward=progress.reward)
        curve = (*self.status.curve, point)
        if len(curve) > MOST_POINTS:
            self._every *= 2
            return curve[::2]
        return curve
