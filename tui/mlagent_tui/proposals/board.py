"""What is known of the proposals of one request, built up from a session's events. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from jupyter_mlagent import events
from jupyter_mlagent.records import Metric, Operator, Proposal, Trial, Verdict
from jupyter_mlagent.reward.reward import RewardConfig, is_readable, relative_gain


class Stage(StrEnum):
    """Of one sampled reply."""

    WAITING = "waiting"
    WRITING = "writing"
    READY = "ready"
    TRYING = "trying"
    TRIED = "tried"
    DROPPED = "dropped"


class Phase(StrEnum):
    """Of the request."""

    NONE = "none"
    STARTING = "starting"
    READING = "reading"
    WRITING = "writing"
    RANKED = "ranked"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass
class Row:
    index: int
    stage: Stage = Stage.WAITING
    plan: str = ""
    code: str = ""
    reason: str = ""
    """Why it was dropped."""
    proposal: Proposal | None = None
    trial: Trial | None = None
    reward: float | None = None
    rank: int | None = None
    outputs: list[dict[str, Any]] = field(default_factory=list)
    """Of the trial, live while it runs."""
    verdict: Verdict | None = None
    undone: bool = False
    """The accepted cell was taken out of the notebook again."""

    @property
    def id(self) -> str:
        return self.proposal.id if self.proposal else ""

    @property
    def source(self) -> str:
        return self.proposal.code if self.proposal else self.code

    @property
    def open(self) -> bool:
        """It can be accepted, edited or rejected."""
        return self.rank is not None and self.verdict is None


class Board:
    """The rows of the request under way or, afterwards, of the last one."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.phase = Phase.NONE
        self.operator: Operator | None = None
        self.metric: Metric | None = None
        self.metric_before: float | None = None
        self.model = ""
        self.message = ""
        """One sentence: why it failed, or what the session noticed."""
        self.tokens = 0
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.timings: events.Timings | None = None

    @property
    def working(self) -> bool:
        return self.phase in (Phase.STARTING, Phase.READING, Phase.WRITING)

    @property
    def shown(self) -> list[Row]:
        """Ranked first, best on top; then what is under way; then what was dropped."""
        return sorted(self.rows, key=lambda row: (row.stage is Stage.DROPPED, row.rank or 1_000, row.index))

    def row(self, proposal_id: str) -> Row | None:
        return next((row for row in self.rows if row.proposal and row.proposal.id == proposal_id), None)

    def begin(self) -> None:
        """A request was asked for; nothing is known of it yet."""
        self.__init__()  # type: ignore[misc]
        self.phase = Phase.STARTING

    def stop(self) -> None:
        """The person ended it; what was ranked before that does not exist."""
        if self.working:
            self.phase = Phase.STOPPED
            self.message = "Stopped."
            self._end_rows()

    def hear(self, event: events.SuggestEvent) -> None:
        match event:
            case events.Started():
                self.phase = Phase.READING
                self.operator, self.model = event.operator, event.model
                self.metric, self.metric_before = event.metric, event.metric_before
                self.rows = [Row(index) for index in range(event.candidates)]
            case events.Notice():
                self.message = event.text
            case events.PromptRead():
                self.phase = Phase.WRITING
                self.prompt_tokens, self.cached_tokens = event.prompt_tokens, event.cached_tokens
            case events.PlanDelta():
                self._write(event.index).plan += event.text
            case events.CodeDelta():
                self._write(event.index).code += event.text
            case events.ReplyDropped():
                row = self._at(event.index)
                row.stage, row.reason = Stage.DROPPED, event.reason
            case events.ProposalReady():
                row = self._at(event.index)
                row.stage, row.proposal = Stage.READY, event.proposal
                row.plan, row.code = event.proposal.plan, event.proposal.code
            case events.TrialStarted():
                self._of(event.proposal_id).stage = Stage.TRYING
            case events.TrialOutput():
                self._of(event.proposal_id).outputs.append(event.output)
            case events.TrialFinished():
                row = self._of(event.proposal_id)
                row.stage, row.trial, row.reward = Stage.TRIED, event.trial, event.reward
            case events.Ranked():
                self._rank(event)
            case events.Failed():
                self.phase, self.message = Phase.FAILED, event.message
                self._end_rows()

    def _end_rows(self) -> None:
        """Nothing is written or tried any more."""
        for row in self.rows:
            if row.stage in (Stage.WAITING, Stage.WRITING, Stage.TRYING):
                row.stage, row.reason = Stage.DROPPED, row.plan.strip() or "not written"

    def _rank(self, event: events.Ranked) -> None:
        self.phase, self.timings = Phase.RANKED, event.timings
        for candidate in event.candidates:
            row = self._of(candidate.proposal.id)
            row.rank, row.trial, row.reward = candidate.rank, candidate.trial, candidate.reward
            row.stage = Stage.TRIED
        if not event.candidates:
            self.message = "No usable candidate this time; ask again, with a hint or with more candidates."

    def _at(self, index: int) -> Row:
        while index >= len(self.rows):
            self.rows.append(Row(len(self.rows)))
        return self.rows[index]

    def _write(self, index: int) -> Row:
        self.tokens += 1
        row = self._at(index)
        if row.stage is Stage.WAITING:
            row.stage = Stage.WRITING
        return row

    def _of(self, proposal_id: str) -> Row:
        row = self.row(proposal_id)
        if row is None:
            raise KeyError(proposal_id)
        return row


def gain(trial: Trial | None, metric: Metric | None) -> float | None:
    """Relative change, positive when better; None when there is nothing to compare."""
    if trial is None or metric is None:
        return None
    before, after = trial.metric_before, trial.metric_after
    if before is None or after is None or not (is_readable(before) and is_readable(after)):
        return None
    return relative_gain(before, after, metric.direction, RewardConfig())
