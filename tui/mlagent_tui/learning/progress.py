"""What is known of one training run, built up from its events. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

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

CURVES = ("loss", "reward", "kl", "entropy", "acceptance")
MOST_POINTS = 2_000
"""Of a curve; beyond that every second one is forgotten."""


@dataclass
class TrainingRecord:
    state: TrainingState = TrainingState.IDLE
    started: TrainingStarted | None = None
    latest: TrainingProgress | None = None
    held_out: list[HeldOutScored] = field(default_factory=list)
    curves: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    """Name -> (update, value)."""
    checkpoint: int | None = None
    message: str = ""

    def hear(self, event: TrainingEvent) -> None:
        match event:
            case TrainingStarted():
                self.__init__()  # type: ignore[misc]
                self.started, self.state = event, TrainingState.RUNNING
            case TrainingProgress():
                self.latest = event
                for name in CURVES:
                    value = getattr(event, name)
                    if value is not None:
                        self._add(name, event.update, value)
            case HeldOutScored():
                self.held_out.append(event)
            case TrainingStateChanged():
                self.state, self.message = event.state, event.reason
            case CheckpointSaved():
                self.checkpoint = event.update
            case TrainingEnded():
                self.state, self.message = event.state, event.message

    def _add(self, name: str, update: int, value: float) -> None:
        curve = self.curves.setdefault(name, [])
        curve.append((update, value))
        if len(curve) > MOST_POINTS:
            del curve[1:-1:2]
