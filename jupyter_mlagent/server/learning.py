"""What is learned on this machine, for all pages: the trainer's run, the adapters, the one in the engine."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from jupyter_mlagent import paths
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Record
from jupyter_mlagent.server.engine import SharedEngine
from jupyter_mlagent.server.training import TrainingRun, TrainingStatus
from jupyter_mlagent.training_events import AdapterComparison, AdapterInfo, Trainer, TrainingKind

NO_TRAINER = "No trainer is installed."
TELL_SECONDS = 0.25
"""Changes within this time reach the pages together."""

FindTrainer = Callable[[], Trainer | None]
Watcher = Callable[[TrainingStatus], None]


class AdapterTable(Record):
    """`GET mlagent/adapters`"""

    adapters: tuple[str, ...]
    """Names of the GGUF adapters on this machine."""
    current: str | None
    """None: the base model as it is."""
    known: tuple[AdapterInfo, ...] = ()
    """What the trainer knows of them; `active`: promoted, so it is what engines start with."""
    trainer: bool = False
    problem: str = ""
    """Why the active one is not in use."""


class Learning:
    """Finds the trainer with the first question, since loading one may take long."""

    def __init__(self, find_trainer: FindTrainer, engine: SharedEngine) -> None:
        self._find = find_trainer
        self._engine = engine
        self._trainer: Trainer | None = None
        self._looked: asyncio.Task[None] | None = None
        self._problem = NO_TRAINER
        self._run = TrainingRun()
        self._following: asyncio.Task[None] | None = None
        self._watchers: list[Watcher] = []
        self._telling: asyncio.TimerHandle | None = None
        engine.choose_adapter = self.active_file

    # -- the run

    @property
    def status(self) -> TrainingStatus:
        if self._trainer is None:
            return TrainingStatus(installed=False, message=self._problem)
        return self._run.status

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with the status at every change; the result ends that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    async def look(self) -> TrainingStatus:
        """The status, once it is known whether there is a trainer."""
        if self._looked is None:
            self._looked = asyncio.ensure_future(self._look())
        await asyncio.shield(self._looked)
        return self.status

    async def start(self, kind: TrainingKind) -> None:
        await (await self._there()).start(kind)

    async def pause(self) -> None:
        await (await self._there()).pause()

    async def resume(self) -> None:
        await (await self._there()).resume()

    # -- adapters

    async def table(self) -> AdapterTable:
        known = await self._known()
        return AdapterTable(
            adapters=tuple(sorted({*_files(), *(info.name for info in known)})),
            current=self._engine.adapter,
            known=known,
            trainer=self._trainer is not None,
            problem=self._engine.adapter_problem,
        )

    async def use(self, name: str | None) -> None:
        """Serve with this adapter from now on, for this server only; None: the base model as it is."""
        path = None if name is None else await self._file_of(name)
        await self._engine.load_adapter(path, name=name)

    async def compare(self, name: str) -> AdapterComparison:
        return await (await self._there()).compare(name)

    async def promote(self, name: str) -> None:
        """Make it the active one if the trainer finds it better, and swap the engine to it at once."""
        await (await self._there()).promote(name)
        await self._swap()

    async def roll_back(self) -> None:
        await (await self._there()).roll_back()
        await self._swap()

    async def active_file(self) -> tuple[str, Path] | None:
        """Name and file of the adapter that an engine is to start with; None: the base model as it is."""
        info = next((info for info in await self._known() if info.active), None)
        if info is None:
            return None
        return info.name, await self._file_of(info.name)

    async def close(self) -> None:
        for task in (self._looked, self._following):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        if self._telling is not None:
            self._telling.cancel()

    async def _swap(self) -> None:
        """An engine that is not there yet takes the active adapter when it starts."""
        if self._engine.running:
            name, path = await self.active_file() or (None, None)
            await self._engine.load_adapter(path, name=name)

    async def _known(self) -> tuple[AdapterInfo, ...]:
        await self.look()
        return () if self._trainer is None else tuple(await self._trainer.adapters())

    async def _file_of(self, name: str) -> Path:
        info = next((info for info in await self._known() if info.name == name), None)
        if info is not None and info.gguf:
            return Path(info.gguf)
        found = _files().get(name)
        if found is None:
            raise MlagentError(f"There is no adapter '{name}' on this machine that the engine can load.")
        return found

    async def _there(self) -> Trainer:
        await self.look()
        if self._trainer is None:
            raise MlagentError(self._problem)
        return self._trainer

    async def _look(self) -> None:
        try:
            self._trainer = await asyncio.to_thread(self._find)
        except Exception as error:  # a trainer that does not even import
            self._problem = f"The trainer cannot be loaded ({type(error).__name__}: {error})."
        if self._trainer is not None:
            self._following = asyncio.ensure_future(self._follow(self._trainer))

    async def _follow(self, trainer: Trainer) -> None:
        try:
            async with contextlib.aclosing(trainer.events()) as events:
                async for event in events:
                    self._run.apply(event)
                    self._tell_soon()
        except Exception:
            logging.getLogger(__name__).exception("The trainer's events ended")

    def _tell_soon(self) -> None:
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL_SECONDS, self._tell)

    def _tell(self) -> None:
        self._telling = None
        for watcher in tuple(self._watchers):
            watcher(self.status)


def _files() -> dict[str, Path]:
    """The GGUF adapters on this machine by name: a file's own, or that of the folder that holds one."""
    folder = paths.adapters_dir()
    files = sorted(folder.glob("**/*.gguf"))
    alone = {path.parent for path in files if sum(one.parent == path.parent for one in files) == 1}
    return {
        str(path.parent.relative_to(folder))
        if path.parent in alone and path.parent != folder
        else str(path.relative_to(folder).with_suffix("")): path
        for path in files
    }
