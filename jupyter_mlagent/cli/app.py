"""Puts the commands together and turns every failure into one sentence and an exit code."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Annotated, NoReturn

import typer

from jupyter_mlagent import __version__
from jupyter_mlagent.cli import demo, doctor, journal, models, run_command, suggest, tui
from jupyter_mlagent.cli.ending import to_its_end

COMMANDS = "mlagent.commands"
"""Entry points of packages that bring a group of commands, each a Typer app."""

app = typer.Typer(
    name="mlagent",
    help="Measured machine-learning suggestions for your own notebook, from a model on this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("suggest")(suggest.command)
app.command("run")(run_command.command)
app.command("demo")(demo.command)
app.command("tui")(tui.command)
app.command("doctor")(doctor.command)
app.add_typer(models.app, name="models")
app.add_typer(journal.app, name="journal")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mlagent {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before any command."""


def add_commands_of_others() -> None:
    """Add every group of commands found by entry point; one that fails to load costs a sentence, no more."""
    for entry in entry_points(group=COMMANDS):
        try:
            app.add_typer(entry.load(), name=entry.name)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            typer.echo(
                f"mlagent: the commands '{entry.name}' are left out ({entry.value}: {reason}).", err=True
            )


def is_ours(name: str) -> bool:
    """Whether a command is one of this package's own, so that nobody else's need be loaded for it."""
    commands = {command.name for command in app.registered_commands}
    return name in commands | {group.name for group in app.registered_groups}


def run() -> NoReturn:
    """Run the command line of this process; never shows a traceback."""
    if not any(is_ours(word) for word in sys.argv[1:2]):
        add_commands_of_others()
    to_its_end(app)
