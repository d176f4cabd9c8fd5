"""`mlagent tasks`: the machine-learning tasks the agent learns on and is judged by.

Found by the command line through the entry-point group `mlagent.commands`, since the agent itself imports
nothing of this package.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, JustifyMethod
from rich.markdown import Markdown
from rich.markup import escape
from rich.table import Table

from local_rl.tasks.errors import TaskError
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.suite import Split, find, tasks

app = typer.Typer(help="Tasks with hidden answers: list, show, prepare, check.", no_args_is_help=True)

TaskArgument = Annotated[
    str,
    typer.Argument(help="The id of a bundled task, or a task folder.", metavar="TASK", show_default=False),
]


@app.command("list")
def list_tasks(
    split: Annotated[Split | None, typer.Option("--split", help="Only this half of the suite.")] = None,
) -> None:
    """The bundled tasks with their metric, baseline and reference."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Task", "Split", "Metric", "Baseline", "Reference", "Gain", "Kind"):
        justify: JustifyMethod = "right" if name in ("Baseline", "Reference", "Gain") else "left"
        # A name is there to be copied, so what describes a task gives way to it.
        table.add_column(name, justify=justify, no_wrap=name == "Task")
    for half in [split] if split else list(Split):
        for folder in tasks(half):
            table.add_row(folder.id, half.value, *_numbers(folder), ", ".join(folder.spec.tags))
    Console().print(table)


@app.command("show")
def show(task: TaskArgument) -> None:
    """A task's description, its scores, and where its data come from."""
    folder = find(task)
    spec, console = folder.spec, Console()
    console.print(f"[bold]{escape(spec.title)}[/bold]  {folder.id}\n")
    console.print(Markdown(spec.description))
    metric, baseline, reference, gain = _numbers(folder)
    console.print(f"\nMetric      {metric}\nBaseline    {baseline}\nReference   {reference} ({gain})")
    console.print(f"Time limit  {spec.time_limit:g} s\nData        {escape(spec.source) or 'not stated'}")


@app.command("prepare")
def prepare(
    task: TaskArgument,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Make a workspace here: starter.ipynb and public/.", metavar="DIR"),
    ] = None,
) -> None:
    """Make a task's data; the answers stay in the cache, out of the workspace."""
    from local_rl.tasks.preparing import prepared
    from local_rl.tasks.running import fill_workspace

    folder = find(task)
    data = prepared(folder)
    if to is None:
        Console().print(f"Public data: {data.public}", soft_wrap=True)
        return
    if to.exists() and any(to.iterdir()):
        raise TaskError(f"{to} is not empty; give a folder that is new or empty.")
    to.mkdir(parents=True, exist_ok=True)
    fill_workspace(to, data)
    for notebook in (folder.starter, *folder.late_states):
        shutil.copy(notebook, to)
    Console().print(f"Workspace ready: {to / folder.starter.name}", soft_wrap=True)


@app.command("check")
def check(
    folder: Annotated[Path, typer.Argument(help="A folder with a task.toml.", metavar="DIR")],
    measure: Annotated[
        bool, typer.Option("--measure", help="Also run reference and late states and record all scores.")
    ] = False,
) -> None:
    """Say whether a folder is a sound task; with --measure, record its scores in task.toml."""
    from local_rl.tasks.check import stages

    opened, console = TaskFolder.open(folder), Console(soft_wrap=True)
    for name, stage in stages(opened, run_starter=not measure):
        stage()
        console.print(f"[green]ok[/green] {name}")
    if measure:
        _measure(folder, console)


@app.command("grade")
def grade_submission(
    task: TaskArgument,
    submission: Annotated[Path, typer.Argument(help="The file to score.", metavar="submission.csv")],
) -> None:
    """Score a submission against the hidden answers."""
    from local_rl.tasks.grading import grade

    folder = find(task)
    score = grade(folder, submission)
    gain = f" ({folder.spec.relative_gain(score):+.1%} against the baseline)" if folder.spec.measured else ""
    Console().print(f"{folder.spec.metric} {score:.6g}{gain}", highlight=False)


def _measure(path: Path, console: Console) -> None:
    from local_rl.tasks.measure import measure

    folder, rows = measure(path)
    for row in rows:
        score = f"{folder.spec.metric} {row.scored.score:.6g}"
        gain = folder.spec.relative_gain(row.scored.score)
        console.print(f"{row.name:<16} {score}  {gain:+.1%}  {row.scored.seconds:.1f} s", highlight=False)


def _numbers(folder: TaskFolder) -> tuple[str, str, str, str]:
    arrow = "↑" if folder.spec.direction.sign > 0 else "↓"
    measured, gain = folder.spec.measured, folder.spec.gain
    if measured is None or gain is None:
        return f"{folder.spec.metric} {arrow}", "-", "-", "-"
    return (
        f"{folder.spec.metric} {arrow}",
        f"{measured.baseline:.4g}",
        f"{measured.reference:.4g}",
        f"{gain:+.0%}",
    )
