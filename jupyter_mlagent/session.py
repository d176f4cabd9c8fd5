"""One notebook being worked on: propose, try, accept, reject, undo. The one API that every front end calls.

The session owns what is outstanding (proposals with their trials), the metric and the journal. It neither
reads nor writes a notebook and never runs anything in the notebook's kernel: the front end hands over the
cells, and acts on an `Acceptance` (JupyterLab in the browser, the workbench on a file, magics in their own
kernel).
"""

from __future__ import annotations

import contextlib
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from jupyter_mlagent.acceptance import Acceptance, Outcome, StaleProposalError, check_anchor, compare
from jupyter_mlagent.agent.memory import MemoryEntry, remember_candidates
from jupyter_mlagent.engine.api import Engine
from jupyter_mlagent.errors import JournalError, MetricError, MlagentError
from jupyter_mlagent.events import Failed, Notice, Ranked, SuggestEvent
from jupyter_mlagent.journal import SuggestionRecord
from jupyter_mlagent.metrics import choose_metric, may_be_read_later, unreadable
from jupyter_mlagent.records import (
    Candidate,
    Cell,
    Direction,
    Metric,
    Operator,
    Task,
    Verdict,
    source_hash,
)
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.suggestion import Suggestion
from jupyter_mlagent.trial.api import MetricReading, Probe, TrialRunner

MEMORY_ENTRIES = 12
"""Earlier tried steps that a prompt is reminded of; older ones are forgotten first."""

NEUTRAL = 0.5
"""The reward of a step that changed nothing."""


class StepStore(Protocol):
    """What the session needs of a journal; each raises JournalError when it cannot keep the step."""

    def record_suggestion(self, record: SuggestionRecord) -> dict[str, int]: ...

    def record_verdict(
        self, step_id: int, verdict: Verdict, *, edited_source: str | None = None, reason: str = ""
    ) -> None: ...

    def mark_undone(self, step_id: int) -> None: ...


class Session:
    """Not re-entrant: one `suggest` at a time, which closing its iterator ends."""

    def __init__(
        self,
        notebook: str,
        *,
        engine: Engine,
        trials: TrialRunner,
        journal: StepStore | None = None,
        settings: SessionSettings | None = None,
        description: str = "",
    ) -> None:
        self.notebook = notebook
        self.engine = engine
        self.trials = trials
        self.journal = journal
        self.settings = settings or SessionSettings()
        self.description = description
        self.metric: Metric | None = None
        self.journal_problem = ""
        """One sentence while steps cannot be kept; the session works on without its journal."""
        self._session_id = uuid.uuid4().hex
        self._outstanding: dict[str, Candidate] = {}
        self._step_ids: dict[str, int] = {}
        self._parent_step: int | None = None
        self._metric_cache: tuple[int, str, MetricReading] | None = None
        self._memory: deque[MemoryEntry] = deque(maxlen=MEMORY_ENTRIES)
        self._history: list[tuple[Operator, bool]] = []

    # -- metric

    def set_metric(
        self, cells: Sequence[Cell], expression: str | None = None, direction: Direction | None = None
    ) -> Metric:
        """Take the person's metric, or find one in the cells when `expression` is None.

        Raises MetricError when there is none to be found, when the direction is unknown, or when the metric
        is a bare variable, which any cell could set.
        """
        self.metric = choose_metric(cells, expression, direction)
        return self.metric

    async def read_metric(self, probe: Probe | None = None) -> MetricReading:
        """The metric of the kernel as it stands, measured in a copy; remembered until the next execution."""
        if self.metric is None:
            raise MetricError("No metric is set; name one, e.g. accuracy_score(y_val, model.predict(X_val)).")
        probe = probe or await self.trials.probe()
        key = (probe.execution_count, self.metric.expression)
        if self._metric_cache is None or self._metric_cache[:2] != key:
            reading = await self.trials.read_metric(self.metric, self.settings.limits)
            self._metric_cache = (*key, reading)
        return self._metric_cache[2]

    # -- propose

    async def suggest(
        self,
        cells: Sequence[Cell],
        *,
        candidates: int | None = None,
        hint: str = "",
        operator: Operator | None = None,
        seed: int | None = None,
        focus_cell_id: str | None = None,
    ) -> AsyncGenerator[SuggestEvent]:
        """Sample, try and rank; the last event is `Ranked` or `Failed`. Closing the iterator cancels."""
        self.ignore_outstanding()
        probe = await self.trials.probe()
        before = await self.read_metric(probe) if self.metric else MetricReading(value=None)
        suggestion = Suggestion(
            notebook=self.notebook,
            cells=tuple(cells),
            task=Task(metric=self.metric, description=self.description),
            probe=probe,
            metric_before=before.value,
            engine=self.engine,
            trials=self.trials,
            settings=self.settings,
            candidates=candidates or self.settings.candidates,
            hint=hint,
            operator=operator,
            seed=seed,
            focus_cell_id=focus_cell_id,
            memory=tuple(self._memory),
            history=tuple(self._history),
            lead=True,
        )
        if self.metric and before.value is None:
            if suggestion.operator is not Operator.DEBUG and not may_be_read_later(before.reason):
                message = unreadable(self.metric, before.reason)
                yield Failed(request_id=suggestion.request_id, message=message)
                return
            yield Notice(text=f"The metric cannot be read yet: {before.reason}")
        async with contextlib.aclosing(suggestion.events()) as events:
            async for event in events:
                if isinstance(event, Ranked):
                    self._outstanding = {item.proposal.id: item for item in event.candidates}
                    self._memory.extend(remember_candidates(event.candidates))
                    better = any(item.scored and item.reward > NEUTRAL for item in event.candidates)
                    self._history.append((suggestion.operator, better))
                    if notice := self._keep(suggestion.record(self._session_id, self._parent_step)):
                        yield notice
                yield event
                if isinstance(event, Failed):
                    return

    def _keep(self, record: SuggestionRecord) -> Notice | None:
        if self.journal is None:
            return None
        try:
            self._step_ids |= self.journal.record_suggestion(record)
        except JournalError as error:
            self.journal_problem = str(error)
            return Notice(text=f"This step is not in the journal: {error}")
        return None

    # -- verdicts

    def candidate(self, proposal_id: str) -> Candidate:
        """An outstanding candidate; raises MlagentError when there is none of that id."""
        try:
            return self._outstanding[proposal_id]
        except KeyError:
            raise MlagentError(
                f"There is no proposal '{proposal_id}' waiting; ask for suggestions again."
            ) from None

    @property
    def outstanding(self) -> tuple[Candidate, ...]:
        return tuple(sorted(self._outstanding.values(), key=lambda item: item.rank))

    def accept(
        self, proposal_id: str, cells: Sequence[Cell], *, edited_source: str | None = None
    ) -> Acceptance:
        """The person keeps a proposal, as it is or after an edit.

        Raises StaleProposalError when the cell it belongs to was changed or removed meanwhile.
        """
        candidate = self.candidate(proposal_id)
        proposal = candidate.proposal
        check_anchor(proposal.anchor, cells)
        edited = edited_source is not None and edited_source != proposal.code
        source = edited_source if edited and edited_source is not None else proposal.code
        if not edited and source_hash(source) != proposal.source_hash:
            raise StaleProposalError("This proposal is not what was tried (its hash differs); ask again.")
        self._verdict(proposal_id, Verdict.EDITED if edited else Verdict.ACCEPTED, edited_source=source)
        self._parent_step = self._step_ids.get(proposal_id, self._parent_step)
        self.ignore_outstanding(but=proposal_id)
        return Acceptance(
            proposal_id=proposal_id,
            source=source,
            source_hash=source_hash(source),
            anchor=proposal.anchor,
            tried=not edited,
            expected=candidate,
        )

    async def confirm(self, acceptance: Acceptance) -> Outcome:
        """After the accepted cell ran for real: measure again and compare with the trial."""
        if self.metric is None:
            return Outcome(metric_after=None, matches=True, message="There is no metric to compare.")
        reading = await self.read_metric()
        return compare(acceptance, reading)

    def reject(self, proposal_id: str, reason: str = "") -> None:
        self.candidate(proposal_id)
        self._verdict(proposal_id, Verdict.REJECTED, reason=reason)
        del self._outstanding[proposal_id]

    def undo(self, proposal_id: str) -> None:
        """An accepted step was taken back: it is never learned from."""
        step = self._step_ids.get(proposal_id)
        if self.journal is None or step is None:
            return
        try:
            self.journal.mark_undone(step)
        except JournalError as error:
            self.journal_problem = str(error)

    def adopt(self, step_ids: Mapping[str, int]) -> None:
        """Steps that a search made are cells of the notebook now, oldest first; an undo finds them."""
        self._step_ids |= step_ids
        self._parent_step = next(reversed([*step_ids.values()]), self._parent_step)

    def ignore_outstanding(self, but: str | None = None) -> None:
        """Proposals that were shown and got no verdict."""
        for proposal_id in [key for key in self._outstanding if key != but]:
            self._verdict(proposal_id, Verdict.IGNORED)
        self._outstanding = {}

    def _verdict(
        self, proposal_id: str, verdict: Verdict, *, edited_source: str | None = None, reason: str = ""
    ) -> None:
        step = self._step_ids.get(proposal_id)
        if self.journal is None or step is None:
            return
        try:
            self.journal.record_verdict(
                step,
                verdict,
                edited_source=edited_source if verdict is Verdict.EDITED else None,
                reason=reason,
            )
        except JournalError as error:
            self.journal_problem = str(error)

    async def use_trials(self, trials: TrialRunner) -> None:
        """Go on in another kernel, or in this one after a restart: nothing measured before holds there."""
        before, self.trials = self.trials, trials
        self._metric_cache = None
        await before.close()

    async def close(self) -> None:
        """End trials under way; the engine and the kernel belong to whoever started them."""
        self.ignore_outstanding()
        await self.trials.close()
