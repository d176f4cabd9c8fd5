"""Many tasks and states at once: each trial a process of its own, one scheduler over all of them."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType

from jupyter_mlagent.records import Proposal
from local_rl.environment.environment import Environment, EnvSettings, Step
from local_rl.environment.scheduler import Demand, Scheduler
from local_rl.environment.states import EnvState
from local_rl.tasks.folder import TaskFolder


class Environments(ABC):
    """What a learner needs, on one machine (`VectorEnvironment`) or on a cluster (`ClusterEnvironment`).

    All of a call's items are under way at once; how many really run is the subclass's business.
    """

    async def reset(self, tasks: Sequence[str]) -> list[EnvState]:
        return list(await asyncio.gather(*(self._reset(task) for task in tasks)))

    async def step(self, states: Sequence[EnvState], proposals: Sequence[Proposal]) -> list[Step]:
        """Proposal i in state i; a state may come several times."""
        pairs = zip(states, proposals, strict=True)
        return list(await asyncio.gather(*(self._step(state, proposal) for state, proposal in pairs)))

    async def grade(self, states: Sequence[EnvState]) -> list[float | None]:
        """The hidden score of each; None where nothing valid would be submitted."""
        return list(await asyncio.gather(*(self._grade(state) for state in states)))

    @abstractmethod
    async def _reset(self, task: str) -> EnvState: ...

    @abstractmethod
    async def _step(self, state: EnvState, proposal: Proposal) -> Step: ...

    @abstractmethod
    async def _grade(self, state: EnvState) -> float | None: ...


class VectorEnvironment(Environments):
    """Environments of several tasks behind one interface. Use as an async context manager."""

    def __init__(
        self,
        folders: Sequence[TaskFolder],
        settings: EnvSettings | None = None,
        *,
        scheduler: Scheduler | None = None,
        demand: Demand | None = None,
    ) -> None:
        """`demand`: of one trial."""
        self.scheduler = scheduler or Scheduler()
        self._demand = demand
        self._environments = {folder.id: Environment(folder, settings) for folder in folders}

    def __getitem__(self, task: str) -> Environment:
        return self._environments[task]

    async def __aenter__(self) -> VectorEnvironment:
        for environment in self._environments.values():
            await environment.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for environment in self._environments.values():
            await environment.__aexit__(kind, error, traceback)

    async def _reset(self, task: str) -> EnvState:
        async with self.scheduler.slot(self._demand):
            return await self[task].reset()

    async def _step(self, state: EnvState, proposal: Proposal) -> Step:
        async with self.scheduler.slot(self._demand):
            return await self[state.task_id].step(state, proposal)

    async def _grade(self, state: EnvState) -> float | None:
        from local_rl.tasks.errors import InvalidSubmission

        async with self.scheduler.slot(self._demand):
            try:
                return await self[state.task_id].grade(state)
            except InvalidSubmission:
                return None
