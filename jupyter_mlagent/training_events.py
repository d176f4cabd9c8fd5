"""What a trainer tells a front end, and what a front end may ask of it. The trainer itself lives elsewhere.

Made like `events.py`: one tagged record per event, in the order things happen; JSON over a WebSocket
(`encode`), messages in a terminal program, or lines printed. A trainer announces itself as an entry point of
the group `jupyter_mlagent.trainer`; without one, front ends say that none is installed.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from jupyter_mlagent.records import Record

ENTRY_POINTS = "jupyter_mlagent.trainer"


class TrainingKind(StrEnum):
    """Exploration-enriched fine-tuning and step-wise RL (ML-Agent, arXiv 2505.23723); a person's verdicts."""

    EXPLORE = "explore"
    STEPS = "steps"
    VERDICTS = "verdicts"


class TrainingState(StrEnum):
    IDLE = "idle"
    RUNNING = "running"
    PAUSED = "paused"
    """By the person, or because the notebook or the engine needs the device."""
    DONE = "done"
    FAILED = "failed"


class TrainingStarted(Record, tag="training_started"):
    run_id: str
    kind: TrainingKind
    base_model: str
    adapter: str | None
    """The adapter that training goes on from; None: from the base."""
    updates: int
    examples: int
    device: str


class TrainingProgress(Record, tag="training_progress"):
    """After one update. None: this kind of training has no such number."""

    update: int
    updates: int
    loss: float | None = None
    reward: float | None = None
    """Mean reward of the batch's steps, in [0, 1]."""
    kl: float | None = None
    """Mean KL divergence to the reference policy, in nats a token."""
    entropy: float | None = None
    """Mean entropy of the policy, in nats a token."""
    acceptance: float | None = None
    """Share of sampled replies that were valid proposals, in [0, 1]."""
    learning_rate: float | None = None
    memory_bytes: int | None = None
    """Peak since the start, of the device that trains."""
    memory_limit_bytes: int | None = None
    seconds_left: float | None = None


class HeldOutScored(Record, tag="held_out_scored"):
    """The policy so far, on tasks it is not trained on; mean reward with its bootstrap interval."""

    update: int
    score: float
    low: float
    high: float
    active_score: float
    """Of the adapter in use, on the same tasks: what has to be beaten."""


class TrainingStateChanged(Record, tag="training_state_changed"):
    state: TrainingState
    reason: str = ""
    """One sentence for the person."""


class CheckpointSaved(Record, tag="checkpoint_saved"):
    """From here the run can be resumed with the same numbers to come."""

    update: int
    path: str


class TrainingEnded(Record, tag="training_ended"):
    """Always the last event of a run; `adapter` is the candidate it made, if any."""

    state: TrainingState
    adapter: str | None
    message: str


TrainingEvent = (
    TrainingStarted
    | TrainingProgress
    | HeldOutScored
    | TrainingStateChanged
    | CheckpointSaved
    | TrainingEnded
)


class AdapterInfo(Record):
    name: str
    base_model: str
    kind: TrainingKind
    created: str
    """ISO 8601, UTC."""
    active: bool
    held_out_score: float | None = None
    steps: int = 0
    """Steps it learned from."""
    note: str = ""
    gguf: str = ""
    """Path of the file that an engine loads (`Engine.load_adapter`); empty: there is none."""


class TaskComparison(Record):
    task: str
    before: float
    after: float


class AdapterComparison(Record):
    """A candidate against the adapter in use, on held-out tasks."""

    candidate: str
    active: str | None
    difference: float
    low: float
    high: float
    """Paired bootstrap interval of the mean difference."""
    tasks: tuple[TaskComparison, ...]
    promotable: bool
    reason: str


class Trainer(Protocol):
    """Methods raise MlagentError with one sentence when they cannot be done now."""

    async def start(self, kind: TrainingKind) -> None: ...

    async def pause(self) -> None:
        """Give the device back after the update under way."""
        ...

    async def resume(self) -> None: ...

    def events(self) -> AsyncGenerator[TrainingEvent]:
        """What has happened in the current (or last) run, then what happens, until it is closed."""
        ...

    async def adapters(self) -> Sequence[AdapterInfo]: ...

    async def compare(self, name: str) -> AdapterComparison: ...

    async def promote(self, name: str) -> None:
        """Make it the adapter in use; refused unless it beats the current one."""
        ...

    async def roll_back(self) -> None:
        """Back to the adapter (or base) in use before the last promotion."""
        ...


def find_trainer() -> Trainer | None:
    """The installed trainer, or None. Imports it only when there is one."""
    from importlib.metadata import entry_points

    for entry in entry_points(group=ENTRY_POINTS):
        trainer: Trainer = entry.load()()
        return trainer
    return None


def encode(event: TrainingEvent) -> bytes:
    """JSON with a `type` field."""
    return msgspec.json.encode(event)


def decode(data: bytes | str) -> TrainingEvent:
    """The event that `encode` wrote; raises `msgspec.ValidationError` for anything else."""
    event: TrainingEvent = msgspec.json.decode(data, type=TrainingEvent)
    return event
