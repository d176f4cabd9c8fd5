"""`mlagent demo`: the main job on a real notebook, from the open file to the accepted, saved step."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from jupyter_mlagent import events
from jupyter_mlagent.autopilot import best_improving, gain_of
from jupyter_mlagent.cli import options, view
from jupyter_mlagent.cli.suggest import one_request, prepare
from jupyter_mlagent.cli.suggest import show as show_ranking
from jupyter_mlagent.errors import NotebookError
from jupyter_mlagent.notebook.write import check_writable
from jupyter_mlagent.records import Candidate
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.workbench import Applied, Workbench

EXAMPLE = "breast_cancer.ipynb"
ATTEMPTS = 3
"""Requests before the demo says that this model found nothing; each is a fresh sample."""


def command(
    notebook: Annotated[
        Path | None, typer.Argument(help="A notebook of yours, in place of the example.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder for the result.")] = Path("mlagent-demo"),
    candidates: options.CandidatesOption = 4,
    model: options.ModelOption = None,
    seed: options.SeedOption = None,
) -> None:
    """Show the main job: propose cells, try each in a copy of the kernel, keep the best, save."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NotebookError(
            f"The folder {out} cannot be made ({error.strerror}); name another with --out."
        ) from None
    target = out / f"{(notebook or Path(EXAMPLE)).stem}-improved.ipynb"
    check_writable(target)
    options.run_async(_demo(notebook or example(out), target, candidates, model, seed))


def example(folder: Path) -> Path:
    """A copy of the example notebook in `folder`."""
    package = Path(str(files("jupyter_mlagent")))
    places = (package / "examples" / EXAMPLE, package.parent / "examples" / EXAMPLE)
    source = next((place for place in places if place.is_file()), None)
    if source is None:
        raise NotebookError("The example notebook is not part of this installation; name one of yours.")
    return Path(shutil.copyfile(source, folder / EXAMPLE))


async def _demo(path: Path, target: Path, candidates: int, model: str | None, seed: int | None) -> None:
    console = Console(highlight=False)
    settings = SessionSettings(candidates=candidates)
    with view.Progress() as progress:
        async with options.working_on(
            path, model=model, kernel=None, settings=settings, no_journal=False, notice=progress.said
        ) as workbench:
            console.rule(f"[bold]1[/] run {escape(path.name)} in a Jupyter kernel", align="left")
            await prepare(workbench, None, None, progress, progress.said)
            progress.done()
            console.rule("[bold]2[/] propose next cells, try each in a copy of that kernel", align="left")
            best, ranking = await _propose(workbench, seed, progress)
            progress.done()
            show_ranking(path, *ranking, show_code=True)
            if best is None:
                console.print("\nNothing to accept this time; run the demo again, or with --candidates 8.")
                return
            console.rule("[bold]3[/] accept the best: it runs in the notebook's kernel", align="left")
            applied = await _accept(workbench, best)
            workbench.notebook.save_as(target, overwrite=True)
    console.print(f"[green]✓[/] {escape(applied.outcome.message)}")
    console.print(f"[green]✓[/] saved as [bold]{escape(str(target))}[/]; {escape(str(path))} is as it was.\n")
    activate = Path(sys.prefix) / "bin" / "activate"
    if shutil.which("mlagent") is None and activate.is_file():
        console.print(f"To have mlagent in this shell:  [bold]. {escape(os.path.relpath(activate))}[/]\n")
    console.print("Next, on a notebook of yours:")
    for line in (
        "mlagent suggest NB.ipynb                 the ranked table, changes nothing",
        "mlagent run NB.ipynb --out BETTER.ipynb  improve it step by step",
        "%load_ext jupyter_mlagent                then %mlagent suggest, inside any notebook",
    ):
        console.print(f"  {escape(line)}")


async def _propose(
    workbench: Workbench, seed: int | None, progress: view.Progress
) -> tuple[Candidate | None, tuple[events.Started, events.Ranked]]:
    """Ask until a candidate improves the metric, or the attempts are used up."""
    for attempt in range(ATTEMPTS):
        stream = workbench.session.suggest(workbench.cells, seed=None if seed is None else seed + attempt)
        ranking = await one_request(stream, progress)
        best = best_improving(ranking[1])
        if best is not None:
            break
        progress.said(f"No candidate improved the metric (attempt {attempt + 1} of {ATTEMPTS}).")
    return best, ranking


async def _accept(workbench: Workbench, best: Candidate) -> Applied:
    acceptance = workbench.session.accept(best.proposal.id, workbench.cells)
    return await workbench.apply(acceptance, gain_of(best, workbench.session.metric))
