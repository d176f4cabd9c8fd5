"""What became of a run, from its events."""

from __future__ import annotations

from jupyter_mlagent.records import Record
from jupyter_mlagent.training_events import (
    TrainingEnded,
    TrainingProgress,
    TrainingStarted,
    TrainingState,
    TrainingStateChanged,
)
from local_rl.training.folder import RunFolder, is_trained

CUT_SHORT = "It was cut short; resuming goes on from its last checkpoint."


class Summary(Record):
    name: str
    base_model: str
    state: TrainingState
    message: str = ""
    update: int = 0
    updates: int = 0
    loss: float | None = None
    reward: float | None = None
    adapter: str | None = None

    @property
    def row(self) -> tuple[str, ...]:
        """For a table."""
        return (
            self.name,
            self.base_model,
            f"{self.update}/{self.updates}",
            "" if self.loss is None else f"{self.loss:.3f}",
            "" if self.reward is None else f"{self.reward:.3f}",
            self.state.value,
        )


def summary(folder: RunFolder) -> Summary:
    """A run whose process was killed counts as paused."""
    state, message, adapter = TrainingState.IDLE, "", None
    update = updates = 0
    loss = reward = None
    for event in folder.events():
        match event:
            case TrainingStarted():
                state, message, updates = TrainingState.RUNNING, "", event.updates
            case TrainingProgress():
                update, updates, loss = event.update, event.updates, event.loss
                reward = event.reward if event.reward is not None else reward
            case TrainingStateChanged():
                state, message = event.state, event.reason
            case TrainingEnded():
                state, message, adapter = event.state, event.message, event.adapter
            case _:
                pass
    if state is TrainingState.RUNNING and not is_trained(folder.name):
        state, message = TrainingState.PAUSED, CUT_SHORT
    return Summary(
        name=folder.name,
        base_model=folder.facts().base_model,
        state=state,
        message=message,
        update=update,
        updates=updates,
        loss=loss,
        reward=reward,
        adapter=adapter,
    )
