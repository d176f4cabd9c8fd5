"""One request for proposals: prompt, sample, parse, try, rank, as a stream of events.

Sampling and trying overlap: a proposal goes to its trial while the engine still writes the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

import msgspec

from jupyter_mlagent.acceptance import anchor_for
from jupyter_mlagent.agent.dedupe import normalised_key
from jupyter_mlagent.agent.memory import MemoryEntry
from jupyter_mlagent.agent.operators import choose_operator
from jupyter_mlagent.agent.parser import STOP, Malformed, ReplyStream, parse_reply
from jupyter_mlagent.agent.repair import NOTHING_EXPECTED
from jupyter_mlagent.engine import api
from jupyter_mlagent.engine.api import Engine, GenerateRequest, SamplingOptions
from jupyter_mlagent.engine.closable import closable
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.events import (
    CodeDelta,
    Failed,
    PlanDelta,
    PromptRead,
    ProposalReady,
    Ranked,
    ReplyDropped,
    Started,
    SuggestEvent,
    Timings,
)
from jupyter_mlagent.journal import SuggestionRecord
from jupyter_mlagent.prompting import fit_prompt
from jupyter_mlagent.records import (
    Cell,
    Operator,
    Prediction,
    Proposal,
    Sample,
    State,
    Task,
    source_hash,
)
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.trial.api import Probe, TrialRunner
from jupyter_mlagent.trying import Trying


class Suggestion:
    """One request; `events` may be iterated once."""

    def __init__(
        self,
        *,
        notebook: str,
        cells: tuple[Cell, ...],
        task: Task,
        probe: Probe,
        metric_before: float | None,
        engine: Engine,
        trials: TrialRunner,
        settings: SessionSettings,
        candidates: int,
        hint: str = "",
        operator: Operator | None = None,
        seed: int | None = None,
        focus_cell_id: str | None = None,
        memory: Sequence[MemoryEntry] = (),
        history: Sequence[tuple[Operator, bool]] = (),
        tried: Sequence[str] = (),
        predict: Callable[[str], Prediction | None] = lambda _: None,
        insights: Sequence[str] = (),
        analysis: str = "",
        twin: Callable[[str], Awaitable[str]] | None = None,
        lead: bool = False,
    ) -> None:
        """`tried`: cells that a proposal must differ from, beside those of the notebook; `predict`: what a
        cell is expected to measure; `insights`, `analysis`: see `build_messages`; `twin`: why
        a cell is not worth a trial, asked before it; "" where it is; `lead`: see `GenerateRequest`.
        """
        self.request_id = uuid.uuid4().hex[:12]
        self.task = task
        self.state = State(
            notebook=notebook,
            cells=cells,
            variables=probe.variables,
            metric_value=metric_before,
            focus=focus_cell_id,
        )
        self.operator = operator or choose_operator(self.state, task, history)
        self._memory = memory
        self._anchor = anchor_for(self.state, self.operator)
        self._engine = engine
        self._trials = trials
        self._settings = settings
        self._n = candidates
        self._hint = hint
        self._seed = seed
        self._predict = predict
        self._insights = insights
        self._analysis = analysis
        self._lead = lead
        self._known_names = frozenset(variable.name for variable in probe.variables)
        existing = (cell.source for cell in cells if cell.kind == "code")
        self._keys = {normalised_key(source) for source in (*existing, *tried)}
        self._streams = [ReplyStream() for _ in range(candidates)]
        self._samples: dict[int, Sample] = {}
        self._dropped: list[str] = []
        self._request = GenerateRequest()
        self._expected = NOTHING_EXPECTED
        self._timings: dict[str, Any] = {}
        self._began = time.perf_counter()
        self._events: asyncio.Queue[SuggestEvent | None] = asyncio.Queue()
        self._trying = Trying(
            trials=trials,
            metric=task.metric,
            metric_before=metric_before,
            known_names=self._known_names,
            settings=settings,
            emit=self._emit,
            twin=twin,
            drop=self._drop,
        )

    async def events(self) -> AsyncGenerator[SuggestEvent]:
        """Everything that happens, the last is `Ranked` or `Failed`; closing the iterator cancels."""
        work = asyncio.create_task(self._work())
        try:
            while (event := await self._events.get()) is not None:
                yield event
        finally:
            if not work.done():
                work.cancel()
                await self._trials.cancel()
            await asyncio.gather(work, return_exceptions=True)

    def record(self, session_id: str, parent_step: int | None) -> SuggestionRecord:
        """What the journal keeps of this request, once it is ranked."""
        return SuggestionRecord(
            request_id=self.request_id,
            session_id=session_id,
            parent_step=parent_step,
            state=self.state,
            task=self.task,
            operator=self.operator,
            request=self._request,
            model=self._model,
            samples=tuple(self._samples[index] for index in sorted(self._samples)),
            candidates=self._trying.ranking(),
            reward_config=self._settings.reward,
        )

    async def _work(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._sample())
                group.create_task(self._trying.run())
            self._emit(
                Ranked(
                    request_id=self.request_id,
                    candidates=self._trying.ranking(),
                    dropped=tuple(self._dropped),
                    timings=self._times(),
                )
            )
        except* MlagentError as group_error:
            self._emit(Failed(request_id=self.request_id, message=str(group_error.exceptions[0])))
        except* Exception as group_error:
            error = group_error.exceptions[0]
            message = f"This is a bug in mlagent ({type(error).__name__}: {error}); ask again."
            self._emit(Failed(request_id=self.request_id, message=message))
        finally:
            self._events.put_nowait(None)

    def _times(self) -> Timings:
        first = self._trying.first_ended
        if first is not None:
            self._timings["first_trial_seconds"] = first - self._began
            self._timings["trial_seconds"] = self._trying.seconds
        return Timings(**self._timings, total_seconds=self._elapsed())

    async def _sample(self) -> None:
        self._model = await self._engine.start()
        self._emit(
            Started(
                request_id=self.request_id,
                operator=self.operator,
                candidates=self._n,
                metric=self.task.metric,
                metric_before=self.state.metric_value,
                model=self._model.model,
            )
        )
        prompt = await fit_prompt(
            self._engine,
            self._model,
            self.state,
            self.task,
            operator=self.operator,
            hint=self._hint,
            memory=self._memory,
            seed=self._seed,
            replies=self._n,
            settings=self._settings,
            insights=self._insights,
            analysis=self._analysis,
        )
        self._expected = prompt.expected
        self._request = GenerateRequest(
            messages=prompt.messages,
            prefill=prompt.prefill,
            prefills=prompt.prefills,
            lead=self._lead,
            n=self._n,
            options=SamplingOptions(
                max_tokens=prompt.max_tokens,
                temperature=self._settings.temperature,
                top_p=self._settings.top_p,
                seed=self._seed,
                stop=STOP,
            ),
            cache_key=self.state.notebook,
        )
        if self._model.prefills:
            self._show_plans()
        async with contextlib.aclosing(closable(self._engine.generate(self._request))) as events:
            async for event in events:
                self._heard(event)
        self._trying.end()

    def _show_plans(self) -> None:
        """What a reply is given to start with is known before the engine has read the prompt."""
        for index, start in enumerate(self._request.prefills):
            self._write(index, self._streams[index].ahead(self._request.prefill + start))

    def _write(self, index: int, added: tuple[str, str]) -> None:
        plan, code = added
        if plan:
            self._emit(PlanDelta(index=index, text=plan))
        if code:
            self._emit(CodeDelta(index=index, text=code))

    def _heard(self, event: api.GenerateEvent) -> None:
        match event:
            case api.PromptRead():
                self._emit(
                    PromptRead(
                        prompt_tokens=event.prompt_tokens,
                        cached_tokens=event.cached_tokens,
                        seconds=event.seconds,
                    )
                )
            case api.TextDelta():
                self._timings.setdefault("first_text_seconds", self._elapsed())
                self._write(event.index, self._streams[event.index].feed(event.text))
            case api.ReplyDone():
                self._reply(event.index, event.sample)
            case api.GenerateDone():
                self._timings |= msgspec.to_builtins(event)
                self._timings.pop("type")

    def _reply(self, index: int, sample: Sample) -> None:
        parsed = parse_reply(
            sample.text,
            finish_reason=sample.finish_reason,
            existing=self._keys,
            known_names=self._known_names,
            expected=self._expected,
        )
        if isinstance(parsed, Malformed):
            self._samples[index] = msgspec.structs.replace(sample, malformed=parsed.reason)
            self._dropped.append(parsed.reason)
            self._emit(ReplyDropped(index=index, reason=parsed.reason))
            return
        self._keys.add(normalised_key(parsed.code))
        proposal = Proposal(
            id=f"{self.request_id}-{index + 1}",
            operator=self.operator,
            plan=parsed.plan,
            code=parsed.code,
            source_hash=source_hash(parsed.code),
            anchor=self._anchor,
            predicted=self._predict(parsed.code),
        )
        self._samples[index] = msgspec.structs.replace(sample, proposal_id=proposal.id)
        self._emit(ProposalReady(index=index, proposal=proposal))
        self._trying.add(proposal)

    def _drop(self, proposal: Proposal, reason: str) -> None:
        """A proposal after all not worth its trial."""
        index = int(proposal.id.rpartition("-")[2]) - 1
        self._samples[index] = msgspec.structs.replace(
            self._samples[index], proposal_id=None, malformed=reason
        )
        self._dropped.append(reason)
        self._emit(ReplyDropped(index=index, reason=reason))

    def _emit(self, event: SuggestEvent) -> None:
        self._events.put_nowait(event)

    def _elapsed(self) -> float:
        return time.perf_counter() - self._began
