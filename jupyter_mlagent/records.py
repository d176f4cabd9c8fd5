"""The words of this project as data: task, state, proposal, trial, step.

Frozen and JSON-serialisable (msgspec), so that they cross a process, a WebSocket or the journal unchanged.
Collections are tuples: a record, once made, does not change.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Any, dataclass_transform

import msgspec


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all records; `msgspec.json` encodes and decodes every one of them."""


class Direction(StrEnum):
    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"

    @property
    def sign(self) -> int:
        return 1 if self is Direction.MAXIMIZE else -1


class Operator(StrEnum):
    """What kind of step a proposal is (ML-Master, arXiv 2506.16499, section 3.1)."""

    DRAFT = "draft"
    IMPROVE = "improve"
    DEBUG = "debug"


class TrialStatus(StrEnum):
    OK = "ok"
    ERROR = "error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    BLOCKED = "blocked"
    NOT_TRIED = "not_tried"


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    EDITED = "accepted_after_edit"
    REJECTED = "rejected"
    IGNORED = "ignored"


class TryEngine(StrEnum):
    FORK = "fork"
    FRESH = "fresh"
    STATIC = "static"


class Guard(StrEnum):
    """How a trial is confined, strongest first."""

    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"
    AUDIT = "audit"
    NONE = "none"


class Metric(Record):
    """What should get better: a Python expression over the notebook's variables, and a direction."""

    expression: str
    direction: Direction
    origin: str = "given"
    """How it came to be: `given` by the person, or where it was found, e.g. `printed in cell 7`."""


class Task(Record):
    metric: Metric | None
    """None only while none is known, e.g. when the notebook's last cell raised before any score."""
    description: str = ""


class Cell(Record):
    id: str
    kind: str
    """`code`, `markdown` or `raw`."""
    source: str
    outputs: tuple[dict[str, Any], ...] = ()
    """Outputs in nbformat's shape."""
    execution_count: int | None = None

    @property
    def errored(self) -> bool:
        return any(output.get("output_type") == "error" for output in self.outputs)

    @property
    def interrupted(self) -> bool:
        """Whether it raised because somebody stopped it."""
        return any(output.get("ename") == "KeyboardInterrupt" for output in self.outputs)


class Variable(Record):
    """One variable of the kernel, as the probe saw it."""

    name: str
    type: str
    summary: str
    """One line for a prompt: shape, dtypes, missing counts, class balance or a short repr."""
    detail: str = ""
    """More lines (columns, small samples), used while the prompt has room."""
    bytes: int | None = None


class State(Record):
    """A notebook at a moment."""

    notebook: str
    cells: tuple[Cell, ...]
    variables: tuple[Variable, ...] = ()
    metric_value: float | None = None
    focus: str | None = None
    """Id of the cell that the person is at, where there is a person."""

    @property
    def focused(self) -> Cell | None:
        return next((cell for cell in self.cells if cell.id == self.focus), None)

    @property
    def last_code_cell(self) -> Cell | None:
        """What the next cell follows: the focused cell or the nearest above it that is code; without a focus
        the notebook's last."""
        focused = self.focused
        above = self.cells if focused is None else self.cells[: self.cells.index(focused) + 1]
        return next((cell for cell in reversed(above) if cell.kind == "code" and cell.source.strip()), None)


class Anchor(Record):
    """Where a proposal goes: after a cell, or in its place. A changed `source_hash` makes it stale."""

    cell_id: str
    source_hash: str
    replaces: bool = False


class Prediction(Record):
    """What a proposal was expected to measure, said before its trial."""

    metric: float
    low: float
    """The interval that eight of ten outcomes are meant to lie in."""
    high: float
    works: float
    """How likely it was to run, in [0, 1]."""
    neighbours: int
    """Tried cells that it rests on; 0: on nothing but `no change`."""


class Proposal(Record):
    id: str
    operator: Operator
    plan: str
    code: str
    source_hash: str
    """`source_hash(code)`: what was tried, and what acceptance must run."""
    anchor: Anchor
    predicted: Prediction | None = None


class TrialError(Record):
    name: str
    value: str
    traceback: tuple[str, ...] = ()


class FileEffect(Record):
    path: str
    change: str
    """`created`, `modified` or `deleted`."""
    bytes: int | None = None


class SideEffects(Record):
    """What a trial wanted to do outside its own memory; nothing of it reached the machine."""

    files: tuple[FileEffect, ...] = ()
    network: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    """Refused operations in words, e.g. `connect to a Unix socket`."""


class Trial(Record):
    """What happened when a proposal ran in a copy of the kernel."""

    status: TrialStatus
    metric_before: float | None = None
    metric_after: float | None = None
    outputs: tuple[dict[str, Any], ...] = ()
    error: TrialError | None = None
    seconds: float = 0.0
    """Wall time of the cell itself."""
    total_seconds: float = 0.0
    """Wall time from request to report, the metric's evaluation included."""
    replay_seconds: float = 0.0
    """Of it, what the fresh engine took to bring the notebook's state back."""
    audit_seconds: float = 0.0
    """Of it, what running the cell once more with shuffled labels took."""
    peak_memory_bytes: int | None = None
    """Memory the trial took beyond what it shares with the kernel."""
    engine: TryEngine = TryEngine.STATIC
    guard: Guard = Guard.NONE
    reason: str = ""
    """One sentence: why this status, why this engine was chosen, or why the metric could not be read."""
    cheated: bool = False
    """True when `blocked` because the result followed the held-out labels."""
    side_effects: SideEffects = SideEffects()


class Candidate(Record):
    """A proposal with what it was worth."""

    rank: int
    proposal: Proposal
    trial: Trial
    reward: float
    scored: bool = True
    """False for corner cases (timeout, out of memory, blocked, not tried): no evidence either way."""


class Sample(Record):
    """One sampled reply of the policy, malformed ones included: what training needs."""

    text: str
    token_ids: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    """Natural log-probability of each sampled token under the untempered model; same length as token_ids."""
    finish_reason: str = "stop"
    proposal_id: str | None = None
    malformed: str = ""
    """Why the parser dropped it; empty when it became a proposal."""


class ChatMessage(Record):
    role: str
    content: str


def source_hash(source: str) -> str:
    """SHA-256 of a cell's source, hexadecimal."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()
