"""`mlagent suggest`: the ranked table for any notebook; changes nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from jupyter_mlagent import answers, events
from jupyter_mlagent.cli import options, view
from jupyter_mlagent.errors import MetricError, MlagentError
from jupyter_mlagent.records import Direction, Operator
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.workbench import Workbench


def command(
    notebook: options.NotebookPath,
    metric: options.MetricOption = None,
    maximize: options.DirectionOption = None,
    candidates: options.CandidatesOption = 4,
    hint: Annotated[str, typer.Option("--hint", help="A wish in your own words.")] = "",
    model: options.ModelOption = None,
    kernel: options.KernelOption = None,
    seed: options.SeedOption = None,
    trial_seconds: options.TrialSecondsOption = 60.0,
    allow_unguarded: options.UnguardedOption = False,
    no_journal: options.NoJournalOption = False,
    json: Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")] = False,
    show_code: Annotated[bool, typer.Option("--code/--no-code", help="Show the best cell.")] = True,
) -> None:
    """Propose next cells for a notebook, try each in a copy of its kernel, and rank them.

    The notebook's own cells are run first, in a kernel of their own; the notebook file is not touched.
    """
    settings = options.session_settings(candidates, trial_seconds, allow_unguarded)
    started, ranked, notices = options.run_async(
        _suggest(
            notebook,
            metric=metric,
            direction=options.direction_of(maximize),
            hint=hint,
            model=model,
            kernel=kernel,
            seed=seed,
            settings=settings,
            no_journal=no_journal,
            quiet=json,
        )
    )
    if json:
        answer = answers.suggest_answer(started, ranked, notebook=str(notebook), notices=notices)
        typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
    else:
        show(notebook, started, ranked, show_code)
    if never_read(started, ranked):
        raise MetricError(
            "The metric could not be read, neither before nor after any candidate (see the reasons above); "
            "give an expression over the notebook's variables with --metric."
        )


def never_read(started: events.Started, ranked: events.Ranked) -> bool:
    """Whether there was a metric and not one number of it."""
    readings = [started.metric_before, *(candidate.trial.metric_after for candidate in ranked.candidates)]
    return started.metric is not None and all(reading is None for reading in readings)


async def _suggest(
    path: Path,
    *,
    metric: str | None,
    direction: Direction | None,
    hint: str,
    model: str | None,
    kernel: str | None,
    seed: int | None,
    settings: SessionSettings,
    no_journal: bool,
    quiet: bool,
) -> tuple[events.Started, events.Ranked, tuple[str, ...]]:
    notices: list[str] = []
    with view.Progress(quiet=quiet) as progress:

        def notice(text: str) -> None:
            notices.append(text)
            progress.said(text)

        async with options.working_on(
            path, model=model, kernel=kernel, settings=settings, no_journal=no_journal, notice=notice
        ) as workbench:
            operator = await prepare(workbench, metric, direction, progress, notice)
            started, ranked = await one_request(
                workbench.session.suggest(workbench.cells, hint=hint, seed=seed, operator=operator),
                progress,
                notices,
            )
    return started, ranked, tuple(notices)


async def one_request(
    stream: AsyncGenerator[events.SuggestEvent],
    progress: view.Progress,
    notices: list[str] | None = None,
) -> tuple[events.Started, events.Ranked]:
    """Follow one request to its end, adding what it says to `notices`; raises MlagentError when it fails."""
    started: events.Started | None = None
    async with contextlib.aclosing(stream):
        async for event in stream:
            progress.event(event)
            match event:
                case events.Failed():
                    raise MlagentError(event.message)
                case events.Started():
                    started = event
                case events.Notice() if notices is not None:
                    notices.append(event.text)
                case events.Ranked() if started is not None:
                    return started, event
                case _:
                    pass
    raise MlagentError("The engine ended without an answer; try again.")


async def prepare(
    workbench: Workbench,
    metric: str | None,
    direction: Direction | None,
    progress: view.Progress,
    notice: view.Say,
) -> Operator | None:
    """Run the notebook and settle the metric; a cell that raises makes the next step a repair."""
    progress.doing("running the notebook")
    failed = await workbench.run_notebook(
        lambda done: progress.doing(f"running the notebook: cell {done.position} of {done.total}")
    )
    try:
        chosen = workbench.session.set_metric(workbench.notebook.cells, metric, direction)
    except MetricError:
        if failed is None or metric is not None:
            raise
    else:
        if metric is None:
            notice(f"Metric: {chosen.expression} ({chosen.direction.value}), {chosen.origin}.")
        elif chosen.expression != metric.strip():
            notice(f"Metric, with its variables written out: {chosen.expression}.")
    if failed is None or failed.error is None:
        return None
    notice(f"A cell of the notebook raised {failed.error.name}: {failed.error.value}; proposing a repair.")
    return Operator.DEBUG


def show(notebook: Path, started: events.Started, ranked: events.Ranked, show_code: bool) -> None:
    """The ranked table, and the best cell."""
    console = Console(highlight=False)
    console.print(view.headline(notebook.name, started.metric, started.metric_before))
    console.print()
    if not ranked.candidates:
        console.print("No usable candidate this time: " + "; ".join(sorted(set(ranked.dropped))) + ".")
        console.print("Ask again, with --hint or with more --candidates.")
        return
    console.print(view.ranked_table(ranked.candidates, started.metric))
    if ranked.dropped:
        console.print(f"[bright_black]{len(ranked.dropped)} replies dropped: {ranked.dropped[0]}[/]")
    best = ranked.candidates[0]
    if show_code:
        console.print(f"\n[bold]1[/]  {escape(best.proposal.plan)}")
        console.print(view.code(best.proposal.code))
    trial = f"{best.trial.engine.value} trial, {best.trial.guard.value} guard"
    seconds = ranked.timings.total_seconds
    console.print(f"\n[bright_black]{started.model} · {trial} · {seconds:.1f} s[/]")
