"""Let the expert explore: visits to every state, a batch of replies each, all of them executed."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from jupyter_mlagent.agent.memory import MemoryEntry
from jupyter_mlagent.agent.operators import choose_operator
from jupyter_mlagent.agent.prompt import GUIDED
from jupyter_mlagent.engine.api import Engine
from jupyter_mlagent.errors import KernelError, MlagentError
from jupyter_mlagent.events import Failed, Ranked
from jupyter_mlagent.records import Anchor, Operator, Proposal, Record, TrialStatus, source_hash
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.suggestion import Suggestion
from jupyter_mlagent.trial.api import TrialLimits
from local_rl.environment.environment import Environment, EnvSettings
from local_rl.environment.scheduler import Scheduler
from local_rl.environment.states import EnvState
from local_rl.environment.trials import StateTrials
from local_rl.explore.asking import cooked, remembered_of, rows_of
from local_rl.explore.config import CollectConfig
from local_rl.explore.hinted import HintedEngine
from local_rl.explore.ideas import idea_pool
from local_rl.explore.recipe_engine import RecipeEngine
from local_rl.explore.records import IdeaPool, Tried
from local_rl.explore.store import Exploration
from local_rl.tasks.folder import TaskFolder

NEUTRAL = 0.5
DRAFTS = 0.25
"""Share of the requests for a model of another kind, where a person would get an improvement."""
REMEMBERED = 0.5
"""Share of the requests whose prompt tells of earlier steps, as a session's later requests do."""
MEMORY_ENTRIES = 4
Told = Callable[[str], None]


class Visit(Record):
    """A walk of a few steps from one notebook of a task."""

    round: int
    task: str
    notebook: str
    steps: int

    def batch(self, step: int) -> str:
        return f"{self.round}/{self.task}/{self.notebook}/{step}"


def visits_for(folders: Sequence[TaskFolder], config: CollectConfig) -> list[Visit]:
    """Task by task in turn, so that a collection that is stopped early holds about as much of each."""
    longest = 1 + max((len(folder.late_states) for folder in folders), default=0)
    made = []
    for round_ in range(config.rounds):
        for place in range(longest):
            for folder in folders:
                notebooks = (folder.starter, *folder.late_states)
                if place < len(notebooks):
                    steps = config.late_steps if place else config.starter_steps
                    name = notebooks[place].name
                    made.append(Visit(round=round_, task=folder.id, notebook=name, steps=steps))
    return made


def choose_next(rows: Sequence[Tried], generator: random.Random) -> Tried | None:
    """One of the steps that improved the metric, rather than always the best: states should differ too."""
    better = [row for row in rows if row.status == TrialStatus.OK and row.reward > NEUTRAL]
    if not better:
        return None
    return generator.choices(better, weights=[row.reward - NEUTRAL for row in better])[0]


class Collector:
    """One exploration under way."""

    def __init__(
        self,
        folders: Sequence[TaskFolder],
        expert: Engine | None,
        embedder: Engine | None,
        config: CollectConfig,
        store: Exploration,
        told: Told = lambda _: None,
        go_on: Callable[[], bool] = lambda: True,
    ) -> None:
        """Without an expert, recipes are tried. `go_on` is asked before every request."""
        self._folders = {folder.id: folder for folder in folders}
        self._expert = expert
        self._embedder = embedder
        self._config = config
        self._store = store
        self._told = told
        self._go_on = go_on
        self._ends: float | None = None
        self._scheduler = Scheduler(cores=config.parallel)
        self._settings = EnvSettings(
            limits=TrialLimits(seconds=config.trial_seconds),
            threads=config.trial_threads,
            live_states=config.replies + 4,
        )
        self._pools: dict[str, IdeaPool] = {}
        self._done: dict[str, list[Tried]] = {}
        self._asking = asyncio.Lock()

    async def run(self) -> None:
        """All visits that are not done yet, or as many as the minutes and `go_on` allow.

        Raises MlagentError when the expert is lost; everything until then is kept.
        """
        config = self._config
        self._pools = self._store.ideas()
        self._done = {}
        for row in self._store.tried():
            self._done.setdefault(row.batch, []).append(row)
        self._ends = time.monotonic() + config.minutes * 60 if config.minutes is not None else None
        todo = visits_for(list(self._folders.values()), config)
        todo = [visit for visit in todo if visit.batch(visit.steps - 1) not in self._done]
        gate = asyncio.Semaphore(config.parallel)

        async def one(visit: Visit) -> None:
            async with gate:
                if self._may_go_on():
                    await self._visit(visit)

        try:
            async with asyncio.TaskGroup() as group:
                for visit in todo:
                    group.create_task(one(visit))
        except BaseExceptionGroup as failures:
            first = failures.exceptions[0]
            if isinstance(first, MlagentError):
                raise first from failures
            raise

    def _may_go_on(self) -> bool:
        return self._go_on() and (self._ends is None or time.monotonic() < self._ends)

    async def _visit(self, visit: Visit) -> None:
        """Steps of one visit; a task whose notebook cannot run ends the visit, not the exploration."""
        folder = self._folders[visit.task]
        async with AsyncExitStack() as stack:
            environment = await stack.enter_async_context(Environment(folder, self._settings))
            try:
                state = await environment.reset(visit.notebook)
                pool = await self._pool(environment, state)
                memory: list[MemoryEntry] = []
                for step in range(visit.steps):
                    if not self._may_go_on():
                        return
                    batch = visit.batch(step)
                    rows = self._done.get(batch)
                    if rows is None:
                        rows = await self._batch(environment, state, batch, pool, memory)
                    if step + 1 == visit.steps:
                        return
                    memory.extend(remembered_of(rows))
                    state = await self._following(environment, state, rows, batch)
            except KernelError as error:
                self._told(f"{visit.task} ({visit.notebook}): {error}")

    async def _pool(self, environment: Environment, state: EnvState) -> IdeaPool:
        """The task's ideas; the expert is asked once."""
        async with self._asking:
            pool = self._pools.get(state.task_id)
            if self._config.ideas == 0 or self._expert is None:
                return pool or IdeaPool(task=state.task_id, asked=0, diverse=())
            if pool is None:
                pool = await idea_pool(
                    self._expert,
                    self._embedder or self._expert,
                    environment.task,
                    state,
                    wanted=self._config.ideas,
                    kept=self._config.diverse,
                    seed=self._config.seed,
                )
                self._store.add_ideas(pool)
                self._pools[state.task_id] = pool
                self._told(f"{state.task_id}: {pool.asked} ideas, {len(pool.diverse)} kept")
        return pool

    async def _batch(
        self,
        environment: Environment,
        state: EnvState,
        batch: str,
        pool: IdeaPool,
        memory: Sequence[MemoryEntry],
    ) -> list[Tried]:
        """One request of the expert and the trials of all its replies, written down."""
        config = self._config
        generator = random.Random(f"{config.seed}/{batch}")
        ideas = generator.sample(pool.diverse, len(pool.diverse))
        hints = tuple(ideas[: generator.randint(1, max(1, config.hints))]) if config.hints else ()
        remembered = (
            tuple(generator.sample(memory, min(MEMORY_ENTRIES, len(memory))))
            if generator.random() < REMEMBERED
            else ()
        )
        operator = choose_operator(state.state, environment.task)
        if operator is Operator.IMPROVE and generator.random() < DRAFTS:
            operator = Operator.DRAFT
        seed = generator.randrange(1 << 16)
        replies = config.replies
        engine: Engine
        if self._expert is None:
            made = cooked(environment, state, replies, seed)
            if not made:
                raise KernelError("there are no recipes for this kind of problem; name a model as expert.")
            engine, replies = RecipeEngine(made), len(made)
        else:
            plans = ideas[len(hints) :][: round(replies * (1 - GUIDED))]
            engine = HintedEngine(self._expert, hints, plans)
        trials = StateTrials(environment, state, self._scheduler)
        suggestion = Suggestion(
            notebook=state.state.notebook,
            cells=state.cells,
            task=environment.task,
            probe=await trials.probe(),
            metric_before=state.metric_value,
            engine=engine,
            trials=trials,
            settings=SessionSettings(
                temperature=config.temperature,
                max_tokens=320,
                limits=self._settings.limits,
                reward=environment.reward_config,
            ),
            candidates=replies,
            operator=operator,
            seed=seed,
            memory=remembered,
        )
        began = time.perf_counter()
        try:
            async for event in suggestion.events():
                if isinstance(event, Failed):
                    raise MlagentError(event.message)
                if isinstance(event, Ranked):
                    timings = event.timings
        finally:
            await trials.discard_all()
        given = engine.given if isinstance(engine, HintedEngine) else ("",) * replies
        rows = rows_of(suggestion, environment, state, batch, remembered, hints, given)
        self._store.add_batch(state, rows)
        self._done[batch] = rows
        better = sum(row.reward > NEUTRAL for row in rows)
        ran = sum(row.status == TrialStatus.OK for row in rows)
        self._told(
            f"{batch}: {len(rows)} replies, {ran} ran, {better} better; {time.perf_counter() - began:.0f} s "
            f"(prompt {timings.prompt_seconds:.0f}, sampling {timings.sample_seconds:.0f} for "
            f"{timings.sampled_tokens} tokens, trials {timings.trial_seconds:.0f})"
        )
        return rows

    async def _following(
        self, environment: Environment, state: EnvState, rows: Sequence[Tried], batch: str
    ) -> EnvState:
        """The state that one of the good steps leads to; the same where there is none."""
        chosen = choose_next(rows, random.Random(f"{self._config.seed}/{batch}/next"))
        if chosen is None:
            return state
        proposal = Proposal(
            id=source_hash(batch)[:12],
            operator=chosen.operator,
            plan=chosen.plan,
            code=chosen.code,
            source_hash=source_hash(chosen.code),
            anchor=Anchor(cell_id="", source_hash=source_hash("")),
        )
        step = await environment.step(state, proposal)
        if step.next_state is None or not await environment.can_submit(step.next_state):
            return state
        return step.next_state
