"""`reset(task) -> state`, `step(state, proposal) -> trial, reward, next state`; trials are real."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType

import msgspec

from jupyter_mlagent.errors import KernelError, MlagentError
from jupyter_mlagent.records import Cell, Proposal, Record, Trial, TrialStatus
from jupyter_mlagent.reward.reward import Reward, RewardConfig, trial_reward
from jupyter_mlagent.trial.api import TrialLimits
from local_rl.environment.live import LiveStates
from local_rl.environment.states import EnvState, cells_of, fingerprint, state_hash, submission_cell, task_of
from local_rl.environment.submitting import grade_submitted, submit_source
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.preparing import prepared
from local_rl.tasks.running import fill_workspace


class EnvSettings(Record):
    limits: TrialLimits = TrialLimits(seconds=60.0)
    """Of one trial."""
    live_states: int = 32
    """States kept alive at most; the least recently used leaves end first and come back by replay."""
    memory_bytes: int | None = None
    """What all live states of one notebook may hold together; None: half of what the machine has free."""
    threads: int | None = None
    """For OpenMP and BLAS in every trial; None: their own choice (all cores)."""
    allow_unguarded: bool = False
    reward: RewardConfig | None = None
    """None: a sigmoid whose scale comes from the task's own baseline and reference."""


class Attempt(Record):
    """A cell tried in a state. Its process waits, as a state to be, until `adopt` or `discard`."""

    trial: Trial
    node: str = ""
    """Empty when nothing stayed alive: the cell did not end well, or could not be tried."""


class Step(Record):
    trial: Trial
    reward: Reward
    next_state: EnvState | None
    """None when the cell did not end well: the state stays what it was."""


class Environment:
    """One task. Use as an async context manager; steps may run at the same time, in any states."""

    def __init__(self, folder: TaskFolder, settings: EnvSettings | None = None) -> None:
        self.folder = folder
        self.settings = settings or EnvSettings()
        self.task = task_of(folder)
        self.fingerprint = fingerprint(folder)
        self.reward_config = self.settings.reward or reward_for(folder)
        self._names = (f"node-{number}" for number in itertools.count())
        self._place: Path | None = None
        self._live: LiveStates | None = None

    async def __aenter__(self) -> Environment:
        data = prepared(self.folder)
        self._place = Path(mkdtemp(prefix="mlagent-environment-"))
        self._live = LiveStates(self._place, data, fill_workspace, self.settings, self._hash)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            await self._live.close()
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)

    def _hash(self, sources: tuple[str, ...]) -> str:
        return state_hash(self.fingerprint, sources)

    @property
    def live(self) -> LiveStates:
        if self._live is None:
            raise MlagentError("The environment was not started; use it as a context manager.")
        return self._live

    async def reset(self, notebook: str | None = None) -> EnvState:
        """The state after a notebook of the task ran: its starter, or the late state of that name.

        Raises KernelError when a cell of it raises.
        """
        path = self.folder.path / (notebook or self.folder.starter.name)
        cells = cells_of(path)
        return await self.rebuild(EnvState(hash="", task_id=self.folder.id, notebook=path.name, cells=cells))

    async def rebuild(self, state: EnvState) -> EnvState:
        """A state of this task from its cells alone: one that was stored, or came from another machine.

        Raises KernelError when a cell raises, MlagentError when the state is another task's, or was made by a
        task of the same id whose data or metric have changed since.
        """
        found = self._hash(state.sources)
        if state.task_id != self.folder.id or (state.hash and state.hash != found):
            raise MlagentError(
                f"The state belongs to another version of task '{state.task_id}' (its hash differs); "
                "step to it again from `reset`."
            )
        node, opened = await self.live.ensure(state.sources)
        cells = _with_outputs(state.cells, opened.outputs) if opened is not None else state.cells
        value = state.metric_value
        if value is None and self.task.metric is not None:
            reading = await self.live.tree_of(node).read_metric(node, self.task.metric, self.settings.limits)
            value = reading.value
        variables = await self.live.tree_of(node).variables(node)
        return msgspec.structs.replace(
            state, hash=found, cells=cells, variables=variables, metric_value=value
        )

    async def attempt(
        self, state: EnvState, code: str, *, keep: bool = True, measure: bool = True
    ) -> Attempt:
        """Try a cell in a state, which is brought back by replay where it is not alive."""
        for _ in range(2):  # a state that ended between the two calls comes back once
            async with self.live.borrowed(state.sources) as node:
                if keep:
                    await self.live.evict()
                name = next(self._names) if keep else ""
                tried = await self.live.tree_of(node).try_cell(
                    node,
                    code,
                    self.task.metric if measure else None,
                    self.settings.limits,
                    metric_before=state.metric_value,
                    keep_as=name,
                )
                if tried.gone:
                    await self.live.forget(node)
                    continue
                if tried.kept:
                    self.live.register(name, node, (*state.sources, code))
                return Attempt(trial=tried.trial, node=name if tried.kept else "")
        return Attempt(trial=tried.trial)

    async def adopt(self, state: EnvState, proposal: Proposal, attempt: Attempt) -> EnvState | None:
        """The state that an attempt led to; None when nothing of it is alive."""
        if not attempt.node:
            return None
        try:
            variables = await self.live.tree_of(attempt.node).variables(attempt.node)
        except KernelError:
            return None
        cell = Cell(id=proposal.id, kind="code", source=proposal.code, outputs=attempt.trial.outputs)
        cells = (*state.cells, cell)
        made = msgspec.structs.replace(
            state,
            cells=cells,
            variables=variables,
            metric_value=attempt.trial.metric_after,
            parent=state.hash,
        )
        return msgspec.structs.replace(made, hash=self._hash(made.sources))

    async def discard(self, attempt: Attempt) -> None:
        if attempt.node:
            await self.live.forget(attempt.node)

    async def step(self, state: EnvState, proposal: Proposal) -> Step:
        """Try a proposal; what the cell does is a result, never an exception."""
        attempt = await self.attempt(state, proposal.code)
        reward = trial_reward(attempt.trial, self.folder.spec.direction, self.reward_config)
        return Step(trial=attempt.trial, reward=reward, next_state=await self.adopt(state, proposal, attempt))

    async def grade(self, state: EnvState) -> float:
        """The score on the hidden answers of what the notebook would submit in this state.

        The notebook's own submission cell runs once more, in a fork. Raises InvalidSubmission.
        """
        cell = submission_cell(state.cells)
        source = submit_source(cell.source if cell is not None else "")
        tried = await self.attempt(state, source, keep=False, measure=False)
        return await grade_submitted(self.folder, tried.trial)

    async def can_submit(self, state: EnvState) -> bool:
        """Whether the submission cell still runs: what the agent may know without any answer."""
        cell = submission_cell(state.cells)
        if cell is None:
            return True
        tried = await self.attempt(state, cell.source, keep=False, measure=False)
        return tried.trial.status is TrialStatus.OK


@asynccontextmanager
async def environment(folder: TaskFolder, settings: EnvSettings | None = None) -> AsyncIterator[Environment]:
    async with Environment(folder, settings) as made:
        yield made


def reward_for(folder: TaskFolder) -> RewardConfig:
    """The reward's scale from the task's baseline and reference; the default where they are not measured."""
    measured = folder.spec.measured
    if measured is None:
        return RewardConfig()
    return RewardConfig.for_reference(measured.baseline, measured.reference, folder.spec.direction)


def _with_outputs(
    cells: tuple[Cell, ...], outputs: tuple[tuple[dict[str, object], ...], ...]
) -> tuple[Cell, ...]:
    """Cells as they ran: outputs belong to the code cells, in order."""
    shown = iter(outputs)
    return tuple(
        msgspec.structs.replace(cell, outputs=next(shown, ()), execution_count=place)
        if cell.kind == "code"
        else cell
        for place, cell in enumerate(cells, start=1)
    )
