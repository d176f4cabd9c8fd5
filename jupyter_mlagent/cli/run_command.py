"""`mlagent run`: suggest and accept until the budget is spent; only steps that improve stay."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from jupyter_mlagent import answers
from jupyter_mlagent.autopilot import Budget, FlightEnded, StepBegan, StepKept, StepSkipped, fly
from jupyter_mlagent.cli import options, view
from jupyter_mlagent.cli.suggest import prepare
from jupyter_mlagent.errors import MlagentError, NotebookError
from jupyter_mlagent.events import Started
from jupyter_mlagent.notebook.write import check_writable
from jupyter_mlagent.records import Direction, Task
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.verify import Reproduction, reproduce
from jupyter_mlagent.workbench import Workbench

if TYPE_CHECKING:
    from jupyter_mlagent.cli.search import SearchWishes

DEFAULT_STEPS = 5


def command(
    notebook: options.NotebookPath,
    out: Annotated[
        Path | None, typer.Option("--out", help="Where the improved notebook goes.", metavar="OUT.ipynb")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option("--steps", min=1, help="Most steps to take (5); with --search most cells to try (any)."),
    ] = None,
    budget: Annotated[str, typer.Option("--budget", help="Most time to take, e.g. 90s, 10m, 1h.")] = "10m",
    metric: options.MetricOption = None,
    maximize: options.DirectionOption = None,
    candidates: options.CandidatesOption = 4,
    model: options.ModelOption = None,
    kernel: options.KernelOption = None,
    seed: options.SeedOption = None,
    trial_seconds: options.TrialSecondsOption = 60.0,
    allow_unguarded: options.UnguardedOption = False,
    no_journal: options.NoJournalOption = False,
    search: Annotated[
        bool, typer.Option("--search", help="Search a tree of cells, several steps deep, then keep the best.")
    ] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=16, help="With --search: states worked on at once.")
    ] = 1,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="With --search: the tree as .html, or .json for AIDE's viewers."),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", help="With --search: keep the search in this file, and go on from it."),
    ] = None,
    no_insights: Annotated[
        bool,
        typer.Option("--no-insights", help="With --search: draw on nothing from your earlier notebooks."),
    ] = False,
    reasoning: Annotated[
        bool | None,
        typer.Option(
            "--reasoning/--no-reasoning",
            help="With --search: ask for a short analysis before cells are written; models from 3B on are.",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT.ipynb if it exists.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Answer with one JSON object.")] = False,
) -> None:
    """Improve a notebook step by step and write the result to a new notebook.

    Each step proposes cells, tries them in copies of the kernel, and keeps the best one if it really improved
    the metric. With --search it looks several steps ahead in copies before anything is kept; Ctrl-C then
    ends the search and keeps its best. At the end the new notebook is run from the top in a fresh kernel, as
    a check.
    """
    wishes = _search_wishes(
        search, workers, steps, report, resume, insights=not no_insights, reasoning=reasoning
    )
    target = out or notebook.with_name(f"{notebook.stem}-improved.ipynb")
    check_target(target, overwrite)
    answer = options.run_async(
        _run(
            notebook,
            target,
            metric=metric,
            direction=options.direction_of(maximize),
            budget=Budget(
                steps=steps or DEFAULT_STEPS,
                seconds=options.parse_duration(budget),
                candidates=candidates,
                seed=seed,
            ),
            search=wishes,
            model=model,
            kernel=kernel,
            settings=options.session_settings(candidates, trial_seconds, allow_unguarded),
            no_journal=no_journal,
            overwrite=overwrite,
            quiet=json,
        )
    )
    if json:
        typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2).decode())
    else:
        _show(answer)


def _search_wishes(
    search: bool,
    workers: int,
    steps: int | None,
    report: Path | None,
    resume: Path | None,
    *,
    insights: bool,
    reasoning: bool | None,
) -> SearchWishes | None:
    """None without --search, which the other options of a search need."""
    if not search:
        for option, value in (("--report", report), ("--resume", resume), ("--reasoning", reasoning)):
            if value is not None:
                raise typer.BadParameter(f"{option} needs --search.")
        return None
    if report is not None and (report.suffix not in (".html", ".json") or not report.parent.is_dir()):
        raise typer.BadParameter("--report is a .html or .json file in a folder that exists.")
    from jupyter_mlagent.cli.search import SearchWishes

    return SearchWishes(
        workers=workers, steps=steps, report=report, resume=resume, insights=insights, reasoning=reasoning
    )


def check_target(target: Path, overwrite: bool) -> None:
    """Say now, not after ten minutes, that the result cannot be written."""
    if target.exists() and not overwrite:
        raise NotebookError(f"{target} exists already; name another --out, or add --overwrite.")
    if not target.parent.is_dir():
        raise NotebookError(f"The folder {target.parent} of --out does not exist; create it first.")
    check_writable(target)


async def _run(
    path: Path,
    target: Path,
    *,
    metric: str | None,
    direction: Direction | None,
    budget: Budget,
    model: str | None,
    kernel: str | None,
    settings: SessionSettings,
    no_journal: bool,
    overwrite: bool,
    quiet: bool,
    search: SearchWishes | None = None,
) -> answers.RunAnswer:
    began = time.monotonic()
    with view.Progress(quiet=quiet) as progress:
        async with options.working_on(
            path, model=model, kernel=kernel, settings=settings, no_journal=no_journal, notice=progress.said
        ) as workbench:
            await prepare(workbench, metric, direction, progress, progress.said)
            if workbench.session.metric is None:
                raise MlagentError(
                    f"{path} raises before anything is measured; repair it, or name a --metric."
                )
            if search is not None:
                from jupyter_mlagent.cli.search import fly_search

                kept, ended, model_name = await fly_search(workbench, budget, search, progress)
            else:
                kept, ended, model_name = await _fly(workbench, budget, progress)
            if kept:
                workbench.notebook.save_as(target, overwrite=overwrite)
        check: Reproduction | None = None
        if kept and ended.metric_end is not None:
            progress.doing("running the result from the top in a fresh kernel")
            check = await reproduce(
                target,
                workbench.session.metric,
                ended.metric_end,
                kernelspec=kernel,
                limits=settings.limits,
            )
    return answers.RunAnswer(
        task=Task(metric=workbench.session.metric),
        notebook=str(path),
        out=str(target) if kept else None,
        model=model_name,
        metric_start=ended.metric_start,
        metric_end=ended.metric_end,
        steps=ended.steps,
        kept=tuple(answers.ranked_proposal(step.candidate) for step in kept),
        reproduced=None if check is None else check.reproduced,
        reproduced_metric=None if check is None else check.value,
        message=f"{ended.reason}." if check is None else check.message,
        seconds=time.monotonic() - began,
    )


async def _fly(
    workbench: Workbench, budget: Budget, progress: view.Progress
) -> tuple[list[StepKept], FlightEnded, str]:
    kept: list[StepKept] = []
    model = ""
    async with contextlib.aclosing(fly(workbench.session, workbench, budget)) as flight:
        async for event in flight:
            progress.event(event)
            match event:
                case Started():
                    model = event.model
                case StepBegan():
                    progress.doing(f"step {event.step} of {budget.steps}")
                case StepKept():
                    kept.append(event)
                    progress.said(
                        f"step {event.step}: {view.number(event.metric_before)} → "
                        f"{view.number(event.metric_after)}  {event.candidate.proposal.plan}"
                    )
                case StepSkipped():
                    progress.said(f"step {event.step}: nothing kept. {event.reason}")
                case FlightEnded():
                    return kept, event, model
                case _:
                    pass
    raise MlagentError("The run ended without a result; try again.")


def _show(answer: answers.RunAnswer) -> None:
    console = Console(highlight=False)
    start, end = view.number(answer.metric_start), view.number(answer.metric_end)
    if not answer.kept:
        console.print(f"Nothing improved the metric ({start}) in {answer.steps} steps; nothing was written.")
        console.print("Try more --candidates, a larger --model, or a --hint with `mlagent suggest`.")
        return
    console.print(f"\n[bold]{start} → {end}[/]  in {len(answer.kept)} kept of {answer.steps} steps")
    mark = "[green]✓[/]" if answer.reproduced else "[yellow]![/]"
    console.print(f"{mark} {escape(answer.message)}")
    console.print(f"The notebook is [bold]{escape(str(answer.out))}[/].")
