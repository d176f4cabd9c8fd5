"""`mlagent train`: learn from exploration, executed steps or verdicts; pause, resume and look at runs."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, JustifyMethod
from rich.markup import escape
from rich.table import Table

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.training_events import TrainingKind, TrainingState
from local_rl.errors import TrainingError
from local_rl.training.folder import RunFolder, all_runs, find_run
from local_rl.training.options import command_of, from_toml, to_toml, with_flags
from local_rl.training.recipe import Plan, Recipe, available, recipe_of
from local_rl.training.run import Run, Wanted

HELP = {
    TrainingKind.EXPLORE: "Phase 1: collect an expert's varied steps, and fine-tune on those that worked.",
    TrainingKind.STEPS: "Phase 2: step-wise reinforcement learning on executed steps.",
    TrainingKind.VERDICTS: "Learn from what you accepted, edited and rejected.",
}
EXTRA: dict[str, tuple[Any, Any]] = {
    "config": (
        Annotated[
            Path | None,
            typer.Option(
                "--config", help="TOML file with the fields below; flags win over it.", metavar="FILE"
            ),
        ],
        None,
    ),
    "dry_run": (
        Annotated[
            bool,
            typer.Option(
                "--dry-run",
                "--show",
                help="Say what would be learned from and done, and the memory it takes; do nothing.",
            ),
        ],
        False,
    ),
    "print_config": (
        Annotated[bool, typer.Option("--print-config", help="Print the whole config as TOML; do nothing.")],
        False,
    ),
}


class KindCommands(typer.core.TyperGroup):
    """Lists all commands; a kind's own module is imported when it is the one that was asked for."""

    def list_commands(self, context: Any) -> list[str]:
        return [*(kind.value for kind in available()), *super().list_commands(context)]

    def get_command(self, context: Any, name: str) -> Any:
        if name in {kind.value for kind in available()}:
            return _command_for(TrainingKind(name))
        return super().get_command(context, name)


app = typer.Typer(help="Learn on this machine.", no_args_is_help=True, cls=KindCommands)
RunArgument = Annotated[
    str | None, typer.Argument(help="Name of a run; the latest when left out.", metavar="RUN")
]


def _command_for(kind: TrainingKind) -> Any:
    recipe = recipe_of(kind)

    def body(given: dict[str, Any], *, config: Path | None, dry_run: bool, print_config: bool) -> None:
        start(kind, recipe, given, config=config, dry_run=dry_run, print_config=print_config)

    body.__doc__ = HELP[kind]
    holder = typer.Typer(add_completion=False)
    holder.command(kind.value, help=HELP[kind])(command_of(recipe.config_type, body, EXTRA))
    return typer.main.get_command(holder)


def start(
    kind: TrainingKind,
    recipe: Recipe,
    given: dict[str, Any],
    *,
    config: Path | None,
    dry_run: bool,
    print_config: bool,
) -> None:
    """Check, tell, and train; Ctrl-C pauses."""
    from local_rl.training.starting import base_of, check_memory, create_run

    console = Console(soft_wrap=True)
    chosen = with_flags(_configured(recipe, config), given)
    if print_config:
        typer.echo(to_toml(chosen), nl=False)
        return
    plan = recipe.plan(chosen)
    policy = recipe.policy(chosen)
    base, _ = base_of(policy)
    _tell(plan, policy, base, console)
    check_memory(policy, base, plan)
    if dry_run:
        console.print("Nothing was done (--dry-run).")
        return
    folder = create_run(kind, recipe, chosen, plan)
    _watch(folder, console)


@app.command("resume")
def resume(run: RunArgument = None) -> None:
    """Go on with a run that was paused, stopped or killed, from its last checkpoint."""
    folder = _run(run, unfinished=True)
    _watch(folder, Console(soft_wrap=True))


@app.command("pause")
def pause(run: RunArgument = None) -> None:
    """Ask a run to save a checkpoint and give the device back."""
    _ask(run, Wanted.PAUSE, "It pauses after the update under way; go on with: mlagent train resume")


@app.command("stop")
def stop(run: RunArgument = None) -> None:
    """Ask a run to end now, and to make an adapter of what it learned until here."""
    _ask(run, Wanted.STOP, "It ends after the update, or the request for replies, that is under way.")


@app.command("list")
def list_runs() -> None:
    """The runs of this machine, oldest first."""
    from local_rl.training.history import summary

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Run", "Model", "Updates", "Loss", "Reward", "State"):
        justify: JustifyMethod = "right" if name in ("Updates", "Loss", "Reward") else "left"
        table.add_column(name, justify=justify, no_wrap=name == "Run")
    for folder in all_runs():
        with contextlib.suppress(MlagentError):
            table.add_row(*summary(folder).row)
    Console().print(table)


@app.command("show")
def show(run: RunArgument = None) -> None:
    """A run's exact config, what it depended on, and how it went."""
    from local_rl.training.history import summary

    folder, console = _run(run), Console(soft_wrap=True)
    facts, found = folder.facts(), summary(folder)
    console.print(f"[bold]{escape(folder.name)}[/bold]  {found.state.value}  {escape(found.message)}")
    console.print(f"Folder    {folder.path}\nBase      {facts.base_model} ({facts.base_sha256[:12]})")
    console.print(f"Data      {facts.data_fingerprint[:12]}\nUpdates   {found.update} of {found.updates}")
    versions = ", ".join(f"{name} {number}" for name, number in facts.packages.items())
    console.print(f"Packages  {versions}\n\n{escape(folder.config())}", highlight=False)


def _configured(recipe: Recipe, path: Path | None) -> Any:
    if path is None:
        return recipe.config_type()
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise TrainingError(f"The config {path} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise TrainingError(f"The config {path} is no text in UTF-8.") from None
    return from_toml(recipe.config_type, text, str(path))


def _tell(plan: Plan, policy: Any, base: Any, console: Console) -> None:
    from local_rl.training.starting import memory_needed

    for line in plan.lines:
        console.print(line, highlight=False, markup=False)
    going_on = f", going on from {policy.adapter}" if policy.adapter else ""
    console.print(f"Learns: {base.name}{going_on}; {plan.updates} updates.", highlight=False, markup=False)
    console.print(f"Needs {memory_needed(policy, base, plan).line}.", highlight=False, markup=False)


def _watch(folder: RunFolder, console: Console) -> None:
    from local_rl.training.display import watch

    ended = asyncio.run(watch(folder, console))
    if ended.state is TrainingState.FAILED:
        raise TrainingError(ended.message)
    console.print(ended.message, highlight=False, markup=False)


def _run(name: str | None, *, unfinished: bool = False) -> RunFolder:
    from local_rl.training.history import summary

    if name is not None:
        folder = find_run(name)
        if unfinished and summary(folder).state is TrainingState.DONE:
            raise TrainingError(f"{folder.name} has come to its end; start another one.")
        return folder
    runs = [run for run in all_runs() if not unfinished or summary(run).state is not TrainingState.DONE]
    if not runs:
        what = "There is no run to go on with" if unfinished else "Nothing was trained on this machine yet"
        raise TrainingError(f"{what}; start one with: mlagent train explore")
    return runs[-1]


def _ask(name: str | None, wanted: Wanted, said: str) -> None:
    folder = _run(name, unfinished=True)
    Run(folder).ask(wanted)
    typer.echo(f"{folder.name}: {said}")
