"""Options that several commands share, and what they open: the engine, the journal, a workbench."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from jupyter_mlagent.errors import JournalError, MlagentError

if TYPE_CHECKING:
    from jupyter_mlagent.engine.api import Engine
    from jupyter_mlagent.journal import Journal
    from jupyter_mlagent.records import Direction
    from jupyter_mlagent.settings import SessionSettings
    from jupyter_mlagent.workbench import Workbench

NotebookPath = Annotated[Path, typer.Argument(help="The notebook (.ipynb).", metavar="NB.ipynb")]
MetricOption = Annotated[
    str | None,
    typer.Option(
        "--metric",
        help="What should get better: a Python expression over the notebook's variables. "
        "Found in the last cells when left out.",
        metavar="EXPR",
    ),
]
DirectionOption = Annotated[
    bool | None,
    typer.Option("--maximize/--minimize", help="Whether larger or smaller values are better."),
]
CandidatesOption = Annotated[
    int, typer.Option("--candidates", "-n", min=1, max=32, help="Proposals to sample for one step.")
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="A model of the catalog, a .gguf file, or the URL of an OpenAI-compatible endpoint.",
        metavar="NAME",
    ),
]
KernelOption = Annotated[
    str | None, typer.Option("--kernel", help="Kernelspec to use in place of the notebook's.", metavar="NAME")
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Makes sampling repeatable.")]
TrialSecondsOption = Annotated[
    float, typer.Option("--trial-seconds", min=0.1, help="Longest time that one trial may take.")
]
UnguardedOption = Annotated[
    bool,
    typer.Option("--allow-unguarded", help="Try cells even where this system offers no sandbox for them."),
]
NoJournalOption = Annotated[bool, typer.Option("--no-journal", help="Do not keep the steps in the journal.")]

T = TypeVar("T")


def direction_of(maximize: bool | None) -> Direction | None:
    from jupyter_mlagent.records import Direction

    if maximize is None:
        return None
    return Direction.MAXIMIZE if maximize else Direction.MINIMIZE


def parse_duration(text: str) -> float:
    """Seconds of `90`, `90s`, `10m`, `1.5h` or `1h30m`; raises typer.BadParameter otherwise."""
    import re

    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip().lower())
    seconds = sum(float(number) * {"": 1, "s": 1, "m": 60, "h": 3600}[unit] for number, unit in parts)
    whole = "".join(number + unit for number, unit in parts)
    if whole != re.sub(r"\s+", "", text.lower()) or seconds <= 0:
        raise typer.BadParameter(f"'{text}' is not a duration; write e.g. 90s, 10m or 1h30m.")
    return seconds


def session_settings(candidates: int, trial_seconds: float, allow_unguarded: bool) -> SessionSettings:
    from jupyter_mlagent.settings import SessionSettings
    from jupyter_mlagent.trial.api import TrialLimits

    return SessionSettings(
        candidates=candidates,
        limits=TrialLimits(seconds=trial_seconds),
        allow_unguarded=allow_unguarded,
    )


@contextlib.asynccontextmanager
async def working_on(
    path: Path,
    *,
    model: str | None,
    kernel: str | None,
    settings: SessionSettings,
    no_journal: bool,
    notice: Callable[[str], None],
) -> AsyncIterator[Workbench]:
    """A workbench on `path` with its engine warming up meanwhile; everything ends with the context."""
    import asyncio

    from jupyter_mlagent.engine.open import open_engine
    from jupyter_mlagent.notebook import open_notebook
    from jupyter_mlagent.workbench import open_workbench

    open_notebook(path)  # a wrong file is said before a model is loaded for it
    journal = None if no_journal else open_journal(notice)
    engine = open_engine(model)
    warming = asyncio.create_task(_warm(engine))
    try:
        async with open_workbench(
            path, engine=engine, journal=journal, settings=settings, kernelspec=kernel
        ) as workbench:
            yield workbench
    finally:
        warming.cancel()
        await asyncio.gather(warming, return_exceptions=True)
        await asyncio.shield(engine.close())
        if journal is not None:
            journal.close()


def open_journal(notice: Callable[[str], None]) -> Journal | None:
    """The person's journal, or None with a notice: a broken journal must not stop the work."""
    from jupyter_mlagent.journal import Journal

    try:
        return Journal.open()
    except JournalError as error:
        notice(f"Steps are not being kept: {error}")
        return None


async def _warm(engine: Engine) -> None:
    # What goes wrong here goes wrong again, and is said, at the first request.
    with contextlib.suppress(MlagentError):
        await engine.start()


def run_async(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, with SIGTERM and SIGHUP ending it as Ctrl-C does: kernel and worker go with us."""
    import asyncio
    import signal

    async def guarded() -> T:
        task = asyncio.current_task()
        loop = asyncio.get_running_loop()
        for name in ("SIGTERM", "SIGHUP"):
            if task is not None and hasattr(signal, name):
                loop.add_signal_handler(getattr(signal, name), task.cancel)
        return await main

    try:
        return asyncio.run(guarded())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
