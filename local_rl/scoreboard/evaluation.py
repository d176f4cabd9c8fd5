"""All trajectories of one policy, each written down as soon as it ends; the same command again goes on."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec

from jupyter_mlagent.engine.api import Engine, EngineInfo, GenerateEvent, GenerateRequest
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import ChatMessage, Record
from jupyter_mlagent.trial.api import TrialLimits
from local_rl.environment.environment import Environment, EnvSettings
from local_rl.environment.scheduler import Scheduler
from local_rl.scoreboard.records import EvaluationConfig, Trajectory
from local_rl.scoreboard.trajectory import Walk
from local_rl.tasks.folder import TaskFolder

TRAJECTORIES_FILE = "trajectories.jsonl"
CONFIG_FILE = "config.json"
JOURNAL_FILE = "steps.sqlite"


class Job(Record):
    """One trajectory to run."""

    task: str
    notebook: str
    run: int


def jobs_for(folders: Sequence[TaskFolder], runs: int, *, starter: bool, late: bool) -> list[Job]:
    """Run by run, so that an evaluation that is stopped early has about as many runs of every task."""
    notebooks = [
        (folder.id, path.name)
        for folder in folders
        for path in (*((folder.starter,) if starter else ()), *(folder.late_states if late else ()))
    ]
    return [Job(task=task, notebook=name, run=run) for run in range(runs) for task, name in notebooks]


class Results:
    """The folder an evaluation writes to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def claim(self, config: EvaluationConfig) -> None:
        """Make the folder this evaluation's. Raises MlagentError when it holds one with other settings."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / CONFIG_FILE
        if not path.exists():
            path.write_bytes(msgspec.json.format(msgspec.json.encode(config)))
            return
        before = msgspec.json.decode(path.read_bytes(), type=EvaluationConfig)
        fields = (name for name in config.__struct_fields__ if name != "package_version")
        differing = [name for name in fields if getattr(before, name) != getattr(config, name)]
        if differing:
            raise MlagentError(
                f"{self.folder} holds an evaluation with another {differing[0]} "
                f"({getattr(before, differing[0])!r}); give a new folder with --out, or delete this one."
            )

    def read(self) -> list[Trajectory]:
        """What is there; a last line cut short by a crash is left out. Other damage raises MlagentError."""
        path = self.folder / TRAJECTORIES_FILE
        if not path.exists():
            return []
        found: dict[tuple[str, str, int], Trajectory] = {}
        lines = path.read_bytes().split(b"\n")
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                trajectory = msgspec.json.decode(line, type=Trajectory)
            except msgspec.DecodeError as error:
                if number >= len(lines):
                    continue
                raise MlagentError(f"{path}, line {number}, is no trajectory ({error}).") from error
            found[trajectory.key] = trajectory
        return list(found.values())

    def config(self) -> EvaluationConfig:
        path = self.folder / CONFIG_FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=EvaluationConfig)
        except (OSError, msgspec.DecodeError) as error:
            raise MlagentError(f"{self.folder} holds no evaluation ({error}).") from error

    def add(self, trajectory: Trajectory) -> None:
        """On disk when this returns."""
        path = self.folder / TRAJECTORIES_FILE
        whole = path.read_bytes().rfind(b"\n") + 1 if path.exists() else 0
        with path.open("ab") as file:
            file.truncate(whole)  # a last line cut short by a crash
            file.write(msgspec.json.encode(trajectory) + b"\n")
            file.flush()
            os.fsync(file.fileno())


async def evaluate(
    folders: Sequence[TaskFolder],
    jobs: Sequence[Job],
    engine: Engine,
    config: EvaluationConfig,
    results: Results,
    *,
    parallel: int = 1,
    on_done: Callable[[Trajectory, int, int], None] | None = None,
) -> list[Trajectory]:
    """Run what is not there yet; returns all. `on_done(trajectory, done, total)`.

    Raises MlagentError when the engine or an environment is lost; what ended until then is kept.
    """
    from jupyter_mlagent.journal import Journal

    results.claim(config)
    there = {trajectory.key for trajectory in results.read()}
    todo = [job for job in jobs if (job.task, job.notebook, job.run) not in there]
    done = len(jobs) - len(todo)
    shared, scheduler = SharedEngine(engine), Scheduler()
    gate = asyncio.Semaphore(max(1, parallel))
    by_id = {folder.id: folder for folder in folders}
    settings = EnvSettings(limits=TrialLimits(seconds=config.trial_seconds), live_states=64)

    async with contextlib.AsyncExitStack() as stack:
        journal = stack.enter_context(Journal.open(results.folder / JOURNAL_FILE))
        environments: dict[str, Environment] = {}

        async def run(job: Job) -> None:
            nonlocal done
            async with gate:
                if job.task not in environments:
                    made = Environment(by_id[job.task], settings)
                    environments[job.task] = await stack.enter_async_context(made)
                walk = Walk(environments[job.task], shared, config, scheduler=scheduler, journal=journal)
                trajectory = await walk.run(job.notebook, job.run)
            results.add(trajectory)
            done += 1
            if on_done is not None:
                on_done(trajectory, done, len(jobs))

        try:
            async with asyncio.TaskGroup() as group:
                for job in todo:
                    group.create_task(run(job))
        except BaseExceptionGroup as failures:
            first = failures.exceptions[0]
            if isinstance(first, MlagentError):  # one sentence for the person; the others ended with it
                raise first from failures
            raise
    wanted = {(job.task, job.notebook, job.run) for job in jobs}
    return [trajectory for trajectory in results.read() if trajectory.key in wanted]


class SharedEngine:
    """An engine for several trajectories: one request at a time, while the others' trials run."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = asyncio.Lock()

    async def generate(self, request: GenerateRequest) -> AsyncIterator[GenerateEvent]:
        async with self._lock:
            async for event in self._engine.generate(request):
                yield event

    async def start(self) -> EngineInfo:
        async with self._lock:
            return await self._engine.start()

    async def info(self) -> EngineInfo:
        return await self._engine.info()

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        async with self._lock:
            return await self._engine.count_tokens(messages)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        async with self._lock:
            return await self._engine.embed(texts)

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:
        async with self._lock:
            return await self._engine.load_adapter(path, scale)

    async def close(self) -> None:
        await self._engine.close()
