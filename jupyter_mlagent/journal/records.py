"""What goes into the journal and what comes out of it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from jupyter_mlagent.engine.api import EngineInfo, GenerateRequest
from jupyter_mlagent.notebook.record import clip_outputs
from jupyter_mlagent.records import (
    Candidate,
    Operator,
    Proposal,
    Record,
    Sample,
    State,
    Task,
    Trial,
    TrialStatus,
    Verdict,
)
from jupyter_mlagent.reward.reward import RewardConfig


class SuggestionRecord(Record, frozen=True):
    """One request for proposals, after its trials: what `Journal.record_suggestion` keeps."""

    request_id: str
    session_id: str
    parent_step: int | None
    """The accepted step that led to this state; None at the start of a trajectory."""
    state: State
    task: Task
    operator: Operator
    request: GenerateRequest
    """Prompt messages, prefill and sampling options."""
    model: EngineInfo
    samples: tuple[Sample, ...]
    """Every sampled reply, malformed ones included."""
    candidates: tuple[Candidate, ...]
    reward_config: RewardConfig


class StepVerdict(Record, frozen=True):
    verdict: Verdict
    decided_at: str
    edited_source: str | None = None
    """What the person made of the proposal: the better answer."""
    reason: str = ""
    undone: bool = False
    """Taken back later; such a step is never learned from."""


class StepSummary(Record, frozen=True):
    """A step as a list shows it."""

    id: int
    created_at: str
    """UTC, ISO 8601."""
    notebook: str
    session_id: str
    request_id: str
    parent_step: int | None
    operator: Operator
    rank: int
    plan: str
    status: TrialStatus
    metric_before: float | None
    metric_after: float | None
    seconds: float
    reward: float
    scored: bool
    verdict: Verdict | None
    undone: bool


class Step(Record, frozen=True, tag="step"):
    """Everything about one step: enough to replay it and to train on it."""

    id: int
    created_at: str
    session_id: str
    request_id: str
    package_version: str
    parent_step: int | None
    state_hash: str
    state: State
    task: Task
    request: GenerateRequest
    model: EngineInfo
    sample: Sample | None
    """The reply behind the proposal; None for one that no policy sampled."""
    proposal: Proposal
    trial: Trial
    rank: int
    reward: float
    """The trial's; the verdict is its own term (`reward.step_reward`)."""
    scored: bool
    reward_config: RewardConfig
    verdict: StepVerdict | None


class MalformedReply(Record, frozen=True, tag="malformed"):
    """A sampled reply that was no proposal (its reward is 0), with what it was sampled from."""

    created_at: str
    session_id: str
    request_id: str
    package_version: str
    parent_step: int | None
    state_hash: str
    state: State
    task: Task
    operator: Operator
    request: GenerateRequest
    model: EngineInfo
    sample: Sample
    reward: float
    reward_config: RewardConfig


class StepFilter(Record, frozen=True):
    """Which steps; every field that is set must hold."""

    notebook: str | None = None
    session_id: str | None = None
    verdicts: tuple[Verdict, ...] = ()
    """Any of these; empty: whatever the verdict, also none."""
    include_undone: bool = True
    scored_only: bool = False
    since: str | None = None
    """UTC, ISO 8601."""
    limit: int | None = None
    """The newest so many."""


def slim_state(state: State) -> State:
    """The state as it is kept: outputs clipped to text."""
    cells = tuple(
        msgspec.structs.replace(cell, outputs=clip_outputs(cell.outputs)) if cell.outputs else cell
        for cell in state.cells
    )
    return msgspec.structs.replace(state, cells=cells)


def slim_trial(trial: Trial) -> Trial:
    return msgspec.structs.replace(trial, outputs=clip_outputs(trial.outputs))


def canonical_json(value: Any) -> bytes:
    """The same bytes for equal records, whatever the order of keys in their outputs."""
    return msgspec.json.encode(value, order="deterministic")


def state_hash(state: State) -> str:
    """SHA-256, hexadecimal, of the state as it is kept."""
    return hashlib.sha256(canonical_json(slim_state(state))).hexdigest()
