"""The same environment on a Ray cluster: reset, step and grade as `VectorEnvironment` has them.

Each worker is an actor with live states of its own. A state goes to the worker that holds it; where that one
has much more to do than another, the other brings the state back by replay: it is addressed by hash and
carries its cells. Tasks must be installed, or their folders reachable, on every machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import msgspec

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Proposal
from local_rl.environment.environment import EnvSettings, Step
from local_rl.environment.states import EnvState
from local_rl.environment.vector import Environments

MISSING = "A cluster needs Ray; install it with: pip install 'jupyter-mlagent[cluster]'."
_BUSY = 4
"""So many steps more than the idlest worker has, and a state is replayed there rather than waited for."""


class ClusterEnvironment(Environments):
    """Use as an async context manager. Connects to the Ray that runs, or starts a local one and ends it."""

    def __init__(
        self,
        tasks: Sequence[str],
        settings: EnvSettings | None = None,
        *,
        workers: int = 2,
        cores_per_worker: float = 1,
        gpus_per_worker: float = 0,
        address: str | None = None,
    ) -> None:
        """`tasks`: ids of bundled tasks, or task folders. `address`: of a Ray cluster; None: a local one."""
        self._tasks = list(tasks)
        self._settings = settings or EnvSettings()
        self._count = workers
        self._resources = {"num_cpus": cores_per_worker, "num_gpus": gpus_per_worker}
        self._address = address
        self._ray: Any = None
        self._owns_ray = False
        self._workers: list[Any] = []
        self._load: list[int] = []
        self._holders: dict[str, int] = {}

    async def __aenter__(self) -> ClusterEnvironment:
        """Raises MlagentError when Ray is not installed or the cluster cannot be reached."""
        try:
            import ray
        except ImportError as error:
            raise MlagentError(MISSING) from error
        self._ray = ray
        if not ray.is_initialized():
            try:
                await asyncio.to_thread(
                    ray.init, address=self._address, include_dashboard=False, log_to_driver=False
                )
            except Exception as error:
                where = self._address or "on this machine"
                raise MlagentError(f"The Ray cluster {where} cannot be used ({error}).") from error
            self._owns_ray = True
        remote = ray.remote(Worker).options(max_concurrency=64, **self._resources)
        settings = msgspec.json.encode(self._settings)
        self._workers = [remote.remote(self._tasks, settings) for _ in range(self._count)]
        self._load = [0] * self._count
        await asyncio.gather(*(worker.start.remote() for worker in self._workers))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(worker.close.remote() for worker in self._workers), return_exceptions=True)
        for worker in self._workers:
            self._ray.kill(worker)
        self._workers = []
        if self._owns_ray:
            await asyncio.to_thread(self._ray.shutdown)

    async def _reset(self, task: str) -> EnvState:
        place = self._idlest()
        state = msgspec.json.decode(await self._call(place, "reset", task), type=EnvState)
        self._holders[state.hash] = place
        return state

    async def _step(self, state: EnvState, proposal: Proposal) -> Step:
        place = self._place_of(state)
        answer = await self._call(place, "step", msgspec.json.encode(state), msgspec.json.encode(proposal))
        step = msgspec.json.decode(answer, type=Step)
        if step.next_state is not None:
            self._holders[step.next_state.hash] = place
        return step

    async def _grade(self, state: EnvState) -> float | None:
        score: float | None = await self._call(self._place_of(state), "grade", msgspec.json.encode(state))
        return score

    async def _call(self, place: int, method: str, *arguments: Any) -> Any:
        self._load[place] += 1
        try:
            return await getattr(self._workers[place], method).remote(*arguments)
        except self._ray.exceptions.RayActorError as error:
            raise MlagentError(f"A worker of the cluster was lost ({error}).") from error
        except self._ray.exceptions.RayTaskError as error:
            raise MlagentError(f"A worker of the cluster failed: {error.cause}") from error
        finally:
            self._load[place] -= 1

    def _place_of(self, state: EnvState) -> int:
        """The worker that holds the state, unless it has much more to do than another."""
        idlest = self._idlest()
        holder = self._holders.get(state.hash)
        if holder is None or self._load[holder] - self._load[idlest] > _BUSY:
            return idlest
        return holder

    def _idlest(self) -> int:
        return min(range(len(self._workers)), key=lambda place: self._load[place])


class Worker:
    """Runs in an actor: environments of every task, with what crosses the network as JSON."""

    def __init__(self, tasks: list[str], settings: bytes) -> None:
        from local_rl.environment.vector import VectorEnvironment
        from local_rl.tasks.suite import find

        folders = [find(task) for task in tasks]
        self._ids = {task: folder.id for task, folder in zip(tasks, folders, strict=True)}
        self._vector = VectorEnvironment(folders, msgspec.json.decode(settings, type=EnvSettings))

    async def start(self) -> None:
        await self._vector.__aenter__()

    async def reset(self, task: str) -> bytes:
        (state,) = await self._vector.reset([self._ids.get(task, task)])
        return msgspec.json.encode(state)

    async def step(self, state: bytes, proposal: bytes) -> bytes:
        found = msgspec.json.decode(state, type=EnvState)
        wanted = msgspec.json.decode(proposal, type=Proposal)
        (step,) = await self._vector.step([found], [wanted])
        return msgspec.json.encode(step)

    async def grade(self, state: bytes) -> float | None:
        (score,) = await self._vector.grade([msgspec.json.decode(state, type=EnvState)])
        return score

    async def close(self) -> None:
        await self._vector.__aexit__(None, None, None)
