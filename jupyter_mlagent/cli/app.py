"""Puts the commands together and turns every failure into one sentence and an exit code."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from importlib.metadata import entry_points
from typing import Annotated, NoReturn

import typer

from jupyter_mlagent import __version__
from jupyter_mlagent.cli import demo, doctor, journal, models, run_command, suggest, tui
from jupyter_mlagent.errors import MlagentError

COMMANDS = "mlagent.commands"
"""Entry points of packages that bring a group of commands, each a Typer app."""
INTERRUPTED = 130
"""The exit code of a program ended by Ctrl-C."""

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


def run() -> NoReturn:
    """Run the command line of this process; never shows a traceback."""
    add_commands_of_others()
    try:
        app()
    except MlagentError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("Stopped; nothing half-written was left behind.", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away (`| head`); keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        fail(f"This is a bug in mlagent ({type(error).__name__}: {error}); details are in {_crash_report()}.")
    sys.exit(0)


def fail(sentence: str, code: int = 1) -> NoReturn:
    typer.secho(f"mlagent: {sentence}", err=True, fg=typer.colors.RED)
    sys.exit(code)


def _crash_report() -> str:
    with tempfile.NamedTemporaryFile("w", prefix="mlagent-crash-", suffix=".txt", delete=False) as report:
        traceback.print_exc(file=report)
        return report.name
