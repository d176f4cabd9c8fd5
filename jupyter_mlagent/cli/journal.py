"""`mlagent journal`: look at what was kept, take it along, or delete it."""

from __future__ import annotations

import difflib
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import msgspec
import typer
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from jupyter_mlagent.agent.prediction import COVERAGE, calibration
from jupyter_mlagent.cli import view
from jupyter_mlagent.errors import JournalError
from jupyter_mlagent.journal import Journal, Step, StepFilter, StepSummary
from jupyter_mlagent.records import Verdict

app = typer.Typer(help="Steps kept on this machine: list, show, export, delete.", no_args_is_help=True)

VERDICT_WORDS = {
    Verdict.ACCEPTED: ("accepted", "green"),
    Verdict.EDITED: ("edited", "green"),
    Verdict.REJECTED: ("rejected", "red"),
    Verdict.IGNORED: ("ignored", "bright_black"),
}

NotebookOption = Annotated[
    Path | None, typer.Option("--notebook", help="Only steps of this notebook.", metavar="NB.ipynb")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]


@app.command("list")
def list_steps(
    notebook: NotebookOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="The newest so many.")] = 20,
    json: JsonOption = False,
) -> None:
    """The newest steps: what was proposed, what it measured, what you said."""
    with Journal.open() as journal:
        steps = journal.steps(StepFilter(notebook=_key(notebook), limit=limit))
    if json:
        _print_json(steps)
    elif steps:
        Console().print(_table(steps))
    else:
        Console().print(_nothing(notebook, journal.path), soft_wrap=True)


@app.command("show")
def show_step(
    step_id: Annotated[int, typer.Argument(help="The step's number.", metavar="ID")],
    prompt: Annotated[bool, typer.Option("--prompt", help="Show the prompt and the reply too.")] = False,
    json: JsonOption = False,
) -> None:
    """One step in full."""
    with Journal.open() as journal:
        step = journal.step(step_id)
    if json:
        _print_json(step)
    else:
        Console().print(_page(step, prompt))


@app.command("export")
def export_steps(
    format: Annotated[str, typer.Option("--format", help="jsonl: one JSON object a line.")] = "jsonl",
    out: Annotated[
        Path | None, typer.Option("--out", help="A new file; standard output when left out.", metavar="FILE")
    ] = None,
    notebook: NotebookOption = None,
) -> None:
    """Everything, one step a line: state, prompt, tokens, trial, reward, verdict."""
    if format != "jsonl":
        raise typer.BadParameter(f"'{format}' is not known; the format is jsonl.", param_hint="--format")
    wanted = StepFilter(notebook=_key(notebook))
    with Journal.open() as journal:
        if out is None:
            journal.export_jsonl(sys.stdout.buffer, wanted)
            sys.stdout.flush()
            return
        count = _export_to(journal, out, wanted)
    Console(stderr=True).print(f"{_lines(count)} written to {escape(str(out))}", soft_wrap=True)


@app.command("delete")
def delete_steps(
    step_ids: Annotated[list[int] | None, typer.Argument(help="Numbers of steps.", metavar="ID...")] = None,
    notebook: NotebookOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Delete every step of every notebook.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete steps for good: also from training, and overwritten on the disk."""
    if [bool(step_ids), notebook is not None, everything].count(True) != 1:
        raise typer.BadParameter("name either steps by their numbers, or --notebook, or --all.")
    with Journal.open() as journal:
        if step_ids:
            for step_id in step_ids:
                journal.step(step_id)
            count = journal.delete(step_ids)
        else:
            whose = "every notebook" if notebook is None else str(notebook)
            if not yes:
                typer.confirm(f"Delete all steps of {whose}?", abort=True)
            count = journal.delete_notebook(_key(notebook))
    Console().print(f"{count} step{'' if count == 1 else 's'} deleted.")


@app.command("calibration")
def show_calibration(notebook: NotebookOption = None, json: JsonOption = False) -> None:
    """How good the predictions were that a search makes before its trials."""
    with Journal.open() as journal:
        found = calibration(journal.predictions(_key(notebook)))
    if json:
        _print_json(found)
    elif found is None:
        Console().print("Nothing was predicted yet; a search does: mlagent run NB.ipynb --search")
    else:
        Console().print(
            f"{found.count} predictions with an outcome: {found.mean_relative_error:.1%} off on average, "
            f"{found.inside:.0%} of the outcomes inside the interval ({COVERAGE:.0%} are meant to be).\n"
            f"{found.ran:.0%} of the predicted cells ran; {found.ran_expected:.0%} were expected to.",
            soft_wrap=True,
        )


insights_app = typer.Typer(help="Steps of earlier notebooks that a search draws on.", no_args_is_help=True)
app.add_typer(insights_app, name="insights")


@insights_app.command("list")
def list_insights(notebook: NotebookOption = None, json: JsonOption = False) -> None:
    """The best step of each notebook; with --notebook, of all but that one."""
    with Journal.open() as journal:
        found = journal.insights(_key(notebook))
    if json:
        _print_json(found)
        return
    if not found:
        Console().print("There are none: no step of the journal bettered a metric yet.")
        return
    table = Table(box=None, header_style="bright_black", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("id", justify="right", no_wrap=True)
    table.add_column("notebook", no_wrap=True)
    table.add_column("insight", overflow="fold")
    for insight in found:
        table.add_row(str(insight.step), escape(Path(insight.notebook).stem), escape(insight.sentence))
    Console().print(table)


@insights_app.command("remove")
def remove_insights(
    step_ids: Annotated[list[int], typer.Argument(help="Numbers of steps, as in the list.", metavar="ID...")],
) -> None:
    """Never draw on these steps in another notebook again; they stay in the journal."""
    with Journal.open() as journal:
        for step_id in step_ids:
            journal.remove_insight(step_id)
    told = "it" if len(step_ids) == 1 else "them"
    Console().print(f"{len(step_ids)} removed; no other notebook is told of {told}.")


def _key(notebook: Path | None) -> str | None:
    """How the journal calls a notebook: by its full path."""
    return None if notebook is None else str(notebook.expanduser().resolve())


def _print_json(value: object) -> None:
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def _export_to(journal: Journal, out: Path, wanted: StepFilter) -> int:
    out = out.expanduser()
    try:
        with out.open("xb") as file:
            return _all_or_nothing(journal, out, file, wanted)
    except FileExistsError as error:
        raise JournalError(f"{out} exists already; name another file for --out.") from error
    except OSError as error:
        raise JournalError(f"{out} cannot be written: {error.strerror or error}.") from error


def _all_or_nothing(journal: Journal, out: Path, file: BinaryIO, wanted: StepFilter) -> int:
    try:
        return journal.export_jsonl(file, wanted)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _nothing(notebook: Path | None, path: Path) -> Text:
    text = Text("No steps of this notebook are kept." if notebook else "The journal is empty.")
    text.append(" Steps are kept when you ask for proposals: ")
    text.append(f"mlagent suggest {notebook or 'NB.ipynb'}", style="bold")
    text.append(f"\n{path}", style="bright_black")
    return text


def _table(steps: tuple[StepSummary, ...]) -> Table:
    table = Table(box=None, header_style="bright_black", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("id", justify="right", no_wrap=True)
    table.add_column("when", no_wrap=True)
    table.add_column("notebook", ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column("plan", ratio=2, no_wrap=True, overflow="ellipsis")
    table.add_column("before → after", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("you", no_wrap=True)
    for step in steps:
        table.add_row(
            str(step.id),
            _local(step.created_at, "%m-%d %H:%M"),
            escape(Path(step.notebook).stem),
            escape(step.plan),
            f"{view.number(step.metric_before)} → {view.number(step.metric_after)}",
            Text(*view.WORDS[step.status]),
            _verdict(step.verdict, step.undone),
        )
    return table


def _verdict(verdict: Verdict | None, undone: bool) -> Text:
    if verdict is None:
        return Text("-", style="bright_black")
    word, colour = VERDICT_WORDS[verdict]
    return Text(f"{word}, undone", style="yellow") if undone else Text(word, style=colour)


def _local(created_at: str, shape: str = "%Y-%m-%d %H:%M") -> str:
    """A UTC time of the journal in this machine's zone."""
    return datetime.fromisoformat(created_at).astimezone().strftime(shape)


def _page(step: Step, prompt: bool) -> Group:
    parts: list[RenderableType] = [_facts(step), Text(""), view.code(step.proposal.code)]
    edited = step.verdict.edited_source if step.verdict else None
    if edited is not None:
        parts += [Text("\nyour edit", style="bold"), _diff(step.proposal.code, edited)]
    if prompt:
        for message in step.request.messages:
            parts += [Text(f"\n{message.role}", style="bold"), Text(message.content)]
        if step.sample is not None:
            parts += [Text("\nreply", style="bold"), Text(step.sample.text)]
    return Group(*parts)


def _facts(step: Step) -> Table:
    trial, metric = step.trial, step.task.metric
    reward = f"{step.reward:.3f}" if step.scored else f"{step.reward:.3f}, not scored"
    verdict = _verdict(step.verdict.verdict, step.verdict.undone) if step.verdict else _verdict(None, False)
    if step.verdict and step.verdict.reason:
        verdict = Text.assemble(verdict, f": {step.verdict.reason}")
    facts: list[tuple[str, str | Text]] = [
        ("step", f"{step.id}  {_local(step.created_at)}"),
        ("notebook", step.state.notebook),
        ("plan", f"{step.proposal.plan} ({step.proposal.operator.value})"),
        ("metric", metric.expression if metric else "none"),
        ("before → after", f"{view.number(trial.metric_before)} → {view.number(trial.metric_after)}"),
        ("expected", _expected(step)),
        ("reward", reward),
        ("status", Text(*view.WORDS[trial.status])),
        ("why", view.why(trial)),
        ("took", f"{trial.seconds:.1f} s ({trial.engine.value}, {trial.guard.value})"),
        ("you", verdict),
        ("model", step.model.model + (f" + {step.model.adapter}" if step.model.adapter else "")),
        ("follows", "" if step.parent_step is None else f"step {step.parent_step}"),
    ]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bright_black", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if value:
            table.add_row(name, Text(value) if isinstance(value, str) else value)
    return table


def _expected(step: Step) -> str:
    said = step.proposal.predicted
    return f"{view.number(said.low)} to {view.number(said.high)}, said before the trial" if said else ""


def _diff(before: str, after: str) -> Syntax:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    text = "\n".join(list(lines)[2:])
    return Syntax(text, "diff", theme="ansi_dark", background_color="default", word_wrap=True)


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
