"""A trainer that keeps two adapters and trains nothing: what a page sees of a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from jupyter_mlagent import training_events as te
from jupyter_mlagent.errors import MlagentError

STARTED = te.TrainingStarted(
    run_id="r",
    kind=te.TrainingKind.STEPS,
    base_model="scripted",
    adapter=None,
    updates=9,
    examples=77,
    device="cpu",
)


class NotebookTrainer:
    """Keeps two adapters, of which the better one may be promoted; runs are told what happens by the test."""

    def __init__(self, folder: Path) -> None:
        self.happened: asyncio.Queue[te.TrainingEvent] = asyncio.Queue()
        self.active: list[str] = ["older"]
        self.folder = folder

    async def start(self, kind: te.TrainingKind) -> None:
        if kind is te.TrainingKind.EXPLORE:
            raise MlagentError("There are no tasks prepared; run mlagent tasks prepare first.")
        self.happened.put_nowait(STARTED)

    async def pause(self) -> None:
        paused = te.TrainingStateChanged(state=te.TrainingState.PAUSED, reason="You paused it.")
        self.happened.put_nowait(paused)

    async def resume(self) -> None:
        self.happened.put_nowait(te.TrainingStateChanged(state=te.TrainingState.RUNNING))
        self.happened.put_nowait(te.TrainingProgress(update=2, updates=9, loss=1.5, reward=0.6))

    async def events(self) -> AsyncGenerator[te.TrainingEvent]:
        while True:
            yield await self.happened.get()

    async def adapters(self) -> Sequence[te.AdapterInfo]:
        return [
            te.AdapterInfo(
                name=name,
                base_model="scripted",
                kind=te.TrainingKind.STEPS,
                created="2026-11-20T10:00:00Z",
                active=name == self.active[-1],
                held_out_score=score,
                gguf=str(self.folder / f"{name}.gguf"),
            )
            for name, score in (("newer", 0.71), ("older", 0.62))
        ]

    async def compare(self, name: str) -> te.AdapterComparison:
        return te.AdapterComparison(
            candidate=name,
            active=self.active[-1],
            difference=0.09,
            low=0.03,
            high=0.15,
            tasks=(te.TaskComparison(task="wine", before=0.6, after=0.7),),
            promotable=name == "newer",
            reason="It is better beyond noise.",
        )

    async def promote(self, name: str) -> None:
        if name != "newer":
            raise MlagentError(f"{name} is not better than the adapter in use.")
        self.active.append(name)

    async def roll_back(self) -> None:
        if len(self.active) == 1:
            raise MlagentError("There is nothing to go back to.")
        self.active.pop()
