"""What a session tells a front end while it works: one tagged record per event, in the order things happen.

They go over a WebSocket as JSON (`encode`), become messages in a terminal program, or are printed; a front
end needs no other channel. `index` counts the sampled replies of one request from 0, before any is dropped.
"""

from __future__ import annotations

from typing import Any

import msgspec

from jupyter_mlagent.records import Candidate, Metric, Operator, Proposal, Record, Trial


class Started(Record, tag="started"):
    """A request was taken up."""

    request_id: str
    operator: Operator
    candidates: int
    metric: Metric | None
    metric_before: float | None
    model: str


class Notice(Record, tag="notice"):
    """Something the person should know; nothing failed."""

    text: str


class PromptRead(Record, tag="prompt_read"):
    prompt_tokens: int
    cached_tokens: int
    seconds: float


class PlanDelta(Record, tag="plan_delta"):
    index: int
    text: str


class CodeDelta(Record, tag="code_delta"):
    index: int
    text: str


class ReplyDropped(Record, tag="reply_dropped"):
    """A sampled reply that is not a proposal: malformed, or a duplicate."""

    index: int
    reason: str


class ProposalReady(Record, tag="proposal_ready"):
    index: int
    proposal: Proposal


class TrialStarted(Record, tag="trial_started"):
    proposal_id: str


class TrialOutput(Record, tag="trial_output"):
    proposal_id: str
    output: dict[str, Any]
    """In nbformat's shape."""


class TrialFinished(Record, tag="trial_finished"):
    proposal_id: str
    trial: Trial
    reward: float


class Timings(Record):
    """Seconds, and tokens, that one request took."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    sampled_tokens: int = 0
    prompt_seconds: float = 0.0
    sample_seconds: float = 0.0
    first_text_seconds: float | None = None
    first_trial_seconds: float | None = None
    trial_seconds: float = 0.0
    total_seconds: float = 0.0


class Ranked(Record, tag="ranked"):
    """Best first; the request's last event when it succeeded."""

    request_id: str
    candidates: tuple[Candidate, ...]
    dropped: tuple[str, ...]
    timings: Timings


class Failed(Record, tag="failed"):
    """The request ended without an answer; `message` is one sentence for the person."""

    request_id: str
    message: str


SuggestEvent = (
    Started
    | Notice
    | PromptRead
    | PlanDelta
    | CodeDelta
    | ReplyDropped
    | ProposalReady
    | TrialStarted
    | TrialOutput
    | TrialFinished
    | Ranked
    | Failed
)


def encode(event: SuggestEvent) -> bytes:
    """JSON with a `type` field."""
    return msgspec.json.encode(event)


def decode(data: bytes | str) -> SuggestEvent:
    """The event that `encode` wrote; raises `msgspec.ValidationError` for anything else."""
    event: SuggestEvent = msgspec.json.decode(data, type=SuggestEvent)
    return event
