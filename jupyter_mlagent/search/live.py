"""Expands a node for real: one request to the model, its proposals tried in forks of the live state."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from jupyter_mlagent.agent.prediction import Precedent, predict
from jupyter_mlagent.engine.api import Engine, EngineInfo, GenerateEvent, GenerateRequest
from jupyter_mlagent.engine.closable import closable
from jupyter_mlagent.errors import JournalError, MlagentError
from jupyter_mlagent.events import Failed, ProposalReady, Ranked, SuggestEvent, TrialFinished
from jupyter_mlagent.records import ChatMessage, Metric, Task, Trial, Verdict
from jupyter_mlagent.search.distinct import Distinct
from jupyter_mlagent.search.events import StepProposed, StepTried
from jupyter_mlagent.search.expander import Expansion, Order, TriedStep
from jupyter_mlagent.search.honest import held_to
from jupyter_mlagent.search.reasoning import Reasoner
from jupyter_mlagent.search.settings import SearchSettings
from jupyter_mlagent.search.states import LiveStates
from jupyter_mlagent.session import StepStore
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.suggestion import Suggestion
from jupyter_mlagent.trial.api import MetricReading, Probe, TrialLimits


class LiveExpander:
    """`Expander` over an engine and live states; several workers sample in turns and try at the same time."""

    def __init__(
        self,
        *,
        notebook: str,
        task: Task,
        engine: Engine,
        states: LiveStates,
        probe: Probe,
        settings: SessionSettings,
        journal: StepStore | None = None,
        earlier: Sequence[Precedent] = (),
        insights: Sequence[str] = (),
        search: SearchSettings | None = None,
    ) -> None:
        """`probe`: of the kernel the search began from; variables are read anew in every state. `earlier`:
        what was tried before this search; `insights`: lines from earlier notebooks.
        """
        self._notebook = notebook
        self._task = task
        self._engine = _InTurns(engine)
        self._states = states
        self._probe = probe
        self._settings = settings
        self._journal = journal
        self._earlier = tuple(earlier)
        self._insights = tuple(insights)
        wishes = search or SearchSettings()
        self._distinct = Distinct(engine.embed, wishes.least_distance)
        self._reasoner = Reasoner(self._engine, wishes)
        self._search_id = uuid.uuid4().hex
        self._step_ids: dict[str, int] = {}
        self.journal_problem = ""
        """One sentence while steps cannot be kept; the search goes on without its journal."""

    async def expand(self, order: Order) -> Expansion:
        variables = await self._states.variables(order.sources)
        probe = msgspec.structs.replace(self._probe, variables=variables)
        siblings, embedded = [*order.tried], self._distinct.seconds

        async def twin(code: str) -> str:
            """Also of those tried just now, from the same replies."""
            found = await self._distinct.twin(code, siblings)
            siblings.append(code)
            return found

        analysis = await self._reasoner.analysis(order, self._task, probe.variables)
        suggestion = Suggestion(
            notebook=self._notebook,
            cells=order.cells,
            task=self._task,
            probe=probe,
            metric_before=order.metric,
            engine=self._engine,
            trials=_TrialsInState(self._states, order, probe),
            settings=self._settings,
            candidates=order.width,
            hint=order.hint,
            operator=order.operator,
            seed=order.seed,
            memory=order.memory,
            tried=order.tried,
            insights=self._insights,
            analysis=analysis.text,
            twin=twin,
            predict=lambda code: predict(code, order.metric, (*order.precedents, *self._earlier)),
        )
        async with contextlib.aclosing(suggestion.events()) as events:
            async for event in events:
                _pass_on(event, order)
                if isinstance(event, Failed):
                    raise MlagentError(event.message)
                if isinstance(event, Ranked):
                    self._keep(suggestion, order)
                    return msgspec.structs.replace(
                        _expansion(event, analysis.tokens), own_seconds=self._distinct.seconds - embedded
                    )
        raise MlagentError("The request for proposals ended without a result; try again.")

    def accepted(self, proposal_ids: Sequence[str]) -> dict[str, int]:
        """These steps became cells of the notebook; returns their numbers in the journal."""
        steps = {name: self._step_ids[name] for name in proposal_ids if name in self._step_ids}
        if self._journal is not None:
            with contextlib.suppress(JournalError):
                for step in steps.values():
                    self._journal.record_verdict(step, Verdict.ACCEPTED)
        return steps

    def _keep(self, suggestion: Suggestion, order: Order) -> None:
        """Into the journal, below the step that led to the state: a trajectory of its own for every path."""
        if self._journal is None:
            return
        parent = self._step_ids.get(order.cells[-1].id) if order.cells else None
        try:
            self._step_ids |= self._journal.record_suggestion(suggestion.record(self._search_id, parent))
        except JournalError as error:
            self.journal_problem = str(error)


def _expansion(ranked: Ranked, tokens: int) -> Expansion:
    """In the order of the replies: ranks rest on seconds too, and the same seed is to give the same tree."""
    candidates = sorted(ranked.candidates, key=lambda item: _position(item.proposal.id))
    return Expansion(
        steps=tuple(TriedStep(proposal=item.proposal, trial=item.trial) for item in candidates),
        tokens=tokens + ranked.timings.prompt_tokens + ranked.timings.sampled_tokens,
        dropped=ranked.dropped,
    )


def _pass_on(event: SuggestEvent, order: Order) -> None:
    match event:
        case ProposalReady():
            order.tell(StepProposed(node=order.node, proposal=event.proposal))
        case TrialFinished():
            order.tell(
                StepTried(
                    node=order.node,
                    proposal_id=event.proposal_id,
                    status=event.trial.status,
                    metric=event.trial.metric_after,
                    seconds=event.trial.seconds,
                )
            )
        case _:
            pass


def _position(proposal_id: str) -> int:
    return int(proposal_id.rpartition("-")[2])


class _TrialsInState:
    """`TrialRunner` whose kernel is one live state."""

    def __init__(self, states: LiveStates, order: Order, probe: Probe) -> None:
        self._states = states
        self._order = order
        self._probe = probe

    async def probe(self) -> Probe:
        return self._probe

    async def read_metric(self, metric: Metric, limits: TrialLimits) -> MetricReading:
        del limits  # the states have their own
        return await self._states.read_metric(self._order.sources, metric)

    async def try_cell(
        self,
        code: str,
        metric: Metric | None,
        limits: TrialLimits,
        *,
        metric_before: float | None = None,
        allow_unguarded: bool = False,
        on_output: Callable[[dict[str, Any]], None] | None = None,
    ) -> Trial:
        del limits, allow_unguarded  # decided when the states were opened
        trial = await self._states.try_cell(
            self._order.sources, code, metric, metric_before=metric_before, on_output=on_output
        )
        return await held_to(self._states, (*self._order.sources, code), metric, trial)

    async def cancel(self) -> None:
        """A trial ends with the task that waits for it."""

    async def close(self) -> None:
        """The states outlive their trials."""


class _InTurns:
    """An engine that several workers share: one samples while the trials of the others run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = asyncio.Lock()

    async def start(self) -> EngineInfo:
        async with self._turn:
            return await self._engine.start()

    async def info(self) -> EngineInfo:
        return await self._engine.info()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateEvent]:
        async with self._turn, contextlib.aclosing(closable(self._engine.generate(request))) as events:
            async for event in events:
                yield event

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return await self._engine.count_tokens(messages)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._engine.embed(texts)

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:
        return await self._engine.load_adapter(path, scale)

    async def close(self) -> None:
        """The engine belongs to whoever started it."""
