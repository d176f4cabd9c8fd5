"""The `Trainer` that front ends talk to (`jupyter_mlagent.training_events`), over a process of its own.

Found by entry point; nothing heavy is imported in the front end's process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from jupyter_mlagent.engine.active import BUNDLED
from jupyter_mlagent.training_events import (
    AdapterComparison,
    AdapterInfo,
    TrainingEvent,
    TrainingKind,
    TrainingState,
    TrainingStateChanged,
)
from local_rl.errors import TrainingError
from local_rl.training.folder import RunFolder, all_runs
from local_rl.training.history import CUT_SHORT, summary
from local_rl.training.launch import TrainerProcess


class LocalTrainer:
    """One run at a time; the last one is remembered on disk."""

    def __init__(self) -> None:
        self._process: TrainerProcess | None = None
        self._hearing: asyncio.Task[None] | None = None
        self._said: list[TrainingEvent] | None = None
        self._news = asyncio.Condition()

    async def start(self, kind: TrainingKind) -> None:
        """With the defaults of that kind; `mlagent train` has every setting."""
        if self._process is not None and self._process.alive:
            raise TrainingError("A training is running already: pause it first.")
        folder = await asyncio.to_thread(_prepared, kind)
        await self._run(folder, [])

    async def pause(self) -> None:
        if self._process is None or not self._process.alive:
            raise TrainingError("No training is running.")
        self._process.pause()

    async def resume(self) -> None:
        if self._process is not None and self._process.alive:
            raise TrainingError("The training is running.")
        folder = _last_run()
        if folder is None or summary(folder).state is TrainingState.DONE:
            raise TrainingError("There is no training to go on with.")
        await self._run(folder, folder.events())

    async def events(self) -> AsyncGenerator[TrainingEvent]:
        seen = 0
        current = self._remembered()
        while True:
            async with self._news:
                if self._said is not current and self._said is not None:
                    current, seen = self._said, 0  # another run began
                while seen >= len(current):
                    await self._news.wait()
                    if self._said is not None and self._said is not current:
                        current, seen = self._said, 0
                fresh, seen = current[seen:], len(current)
            for event in fresh:
                yield event

    async def adapters(self) -> Sequence[AdapterInfo]:
        return await asyncio.to_thread(adapter_list)

    async def compare(self, name: str) -> AdapterComparison:
        from local_rl.adapters.judge import compare_stored
        from local_rl.adapters.store import find_adapter

        return await asyncio.to_thread(lambda: compare_stored(find_adapter(name)))

    async def promote(self, name: str) -> None:
        from local_rl.adapters.promotion import promote

        await asyncio.to_thread(promote, name)

    async def roll_back(self) -> None:
        from local_rl.adapters.promotion import roll_back_latest

        await asyncio.to_thread(roll_back_latest)

    async def close(self) -> None:
        """The training goes on; only nobody listens any more."""
        if self._hearing is not None:
            self._hearing.cancel()

    def _remembered(self) -> list[TrainingEvent]:
        if self._said is None:
            folder = _last_run()
            self._said = folder.events() if folder is not None else []
            if folder is not None and summary(folder).message == CUT_SHORT:
                self._said.append(TrainingStateChanged(state=TrainingState.PAUSED, reason=CUT_SHORT))
        return self._said

    async def _run(self, folder: RunFolder, said: list[TrainingEvent]) -> None:
        process = TrainerProcess(folder)
        await process.start()
        self._process = process
        async with self._news:
            self._said = said
            self._news.notify_all()
        self._hearing = asyncio.create_task(self._hear(process, said))

    async def _hear(self, process: TrainerProcess, said: list[TrainingEvent]) -> None:
        async for event in process.events():
            async with self._news:
                said.append(event)
                self._news.notify_all()


def adapter_list() -> list[AdapterInfo]:
    """Of this machine, the one that comes with the package included, newest first."""
    from local_rl.adapters.active import active_name
    from local_rl.adapters.bundled import bundled
    from local_rl.adapters.judge import held_out_score
    from local_rl.adapters.store import all_adapters

    found = []
    for adapter in all_adapters():
        record = adapter.record
        found.append(
            AdapterInfo(
                name=record.name,
                base_model=record.base_model,
                kind=record.kind,
                created=record.created,
                active=active_name(record.base_sha256) == record.name,
                held_out_score=held_out_score(record.name, record.base_sha256),
                steps=record.steps,
                note=record.note,
                gguf=str(adapter.gguf),
            )
        )
    for model, path in bundled():
        found.append(
            AdapterInfo(
                name=BUNDLED,
                base_model=model.name,
                kind=TrainingKind.STEPS,
                created="",
                active=active_name(model.sha256) == BUNDLED,
                note="Comes with the package.",
                gguf=str(path),
            )
        )
    return found


def _prepared(kind: TrainingKind) -> RunFolder:
    from local_rl.training.recipe import recipe_of
    from local_rl.training.starting import base_of, check_memory, create_run

    recipe = recipe_of(kind)
    config = recipe.config_type()
    plan = recipe.plan(config)
    base, _ = base_of(recipe.policy(config))
    check_memory(recipe.policy(config), base, plan)
    return create_run(kind, recipe, config, plan)


def _last_run() -> RunFolder | None:
    runs = all_runs()
    return runs[-1] if runs else None
