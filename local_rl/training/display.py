"""A run in the terminal: one bar with its numbers, sentences above it; Ctrl-C pauses."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from jupyter_mlagent.training_events import (
    CheckpointSaved,
    HeldOutScored,
    TrainingEnded,
    TrainingEvent,
    TrainingProgress,
    TrainingStarted,
    TrainingState,
    TrainingStateChanged,
)
from local_rl.training.folder import RunFolder
from local_rl.training.launch import TrainerProcess

NUMBERS = (("loss", ".3f"), ("reward", ".3f"), ("kl", ".4f"), ("entropy", ".2f"), ("acceptance", ".0%"))
NAMES = {"acceptance": "valid"}
"""Where a front end's word is another than the event's."""


async def watch(folder: RunFolder, console: Console) -> TrainingEnded:
    """Start the run's process and show it until it ends or pauses."""
    process = TrainerProcess(folder)
    await process.start()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, process.pause)
    ended = TrainingEnded(state=TrainingState.FAILED, adapter=None, message="The trainer said nothing.")
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    try:
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("Training", total=None, numbers="")
            async for event in process.events():
                if (found := _show(event, progress, bar)) is not None:
                    ended = found
        await process.wait()
    finally:
        await process.kill()
    return ended


def _show(event: TrainingEvent, progress: Progress, bar: object) -> TrainingEnded | None:
    """Draw it; the end of the run where it is one."""
    match event:
        case TrainingStarted():
            progress.update(bar, total=event.updates)  # type: ignore[arg-type]
            progress.console.print(f"{event.run_id} on {event.device}", highlight=False, markup=False)
        case TrainingProgress():
            progress.update(bar, completed=event.update, total=event.updates, numbers=line(event))  # type: ignore[arg-type]
            if not progress.console.is_terminal:
                told = f"{event.update} of {event.updates}  {line(event)}"
                progress.console.print(told, highlight=False, markup=False)
        case HeldOutScored():
            progress.console.print(
                f"Held out after {event.update} updates: {event.score:.3f} "
                f"({event.low:.3f} to {event.high:.3f}); in the beginning {event.active_score:.3f}",
                highlight=False,
            )
        case TrainingStateChanged():
            if event.state is TrainingState.PAUSED:
                return TrainingEnded(
                    state=event.state,
                    adapter=None,
                    message=f"{event.reason} Go on with: mlagent train resume",
                )
            progress.console.print(event.reason, highlight=False, markup=False)
        case CheckpointSaved():
            pass
        case TrainingEnded():
            return event
    return None


def line(event: TrainingProgress) -> str:
    """`loss 0.412  reward 0.63  3.1 of 25.3 GB  0:12:40 left`."""
    parts = []
    for name, form in NUMBERS:
        value = getattr(event, name)
        if value is not None:
            parts.append(f"{NAMES.get(name, name)} {value:{form}}")
    if event.memory_bytes is not None:
        limit = f" of {event.memory_limit_bytes / 1e9:.1f}" if event.memory_limit_bytes else ""
        parts.append(f"{event.memory_bytes / 1e9:.1f}{limit} GB")
    if event.seconds_left is not None:
        parts.append(f"{timedelta(seconds=round(event.seconds_left))} left")
    return "  ".join(parts)
