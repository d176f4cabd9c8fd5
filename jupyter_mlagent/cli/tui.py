"""`mlagent tui`: the terminal app. A door only: the app is a package of its own and is found by name.

It is the one command whose first screen a person waits for, so this module imports next to nothing, and has a
door of its own (`run`) past what the other commands load.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from jupyter_mlagent.cli import options
from jupyter_mlagent.errors import MlagentError

LAUNCHER = "mlagent_tui.launch"
TOKEN_VARIABLE = "JUPYTER_TOKEN"  # noqa: S105 - the variable's name

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        help="URL of a running Jupyter server: join this notebook and its kernel there, as JupyterLab does. "
        "NB.ipynb is then a path on that server.",
        metavar="URL",
    ),
]
TokenOption = Annotated[
    str | None,
    typer.Option("--token", help="Token of that server; the URL may carry it too.", envvar=TOKEN_VARIABLE),
]


def command(
    notebook: options.NotebookPath,
    model: options.ModelOption = None,
    kernel: options.KernelOption = None,
    no_journal: options.NoJournalOption = False,
    server: ServerOption = None,
    token: TokenOption = None,
) -> None:
    """Open a notebook in the terminal: read, run, ask for proposals, accept or reject, fly on autopilot."""
    if server is not None:
        chosen = {"--model": model, "--kernel": kernel, "--no-journal": no_journal or None}
        for name, value in chosen.items():
            if value is not None:
                raise MlagentError(f"{name} is the server's business; leave it out together with --server.")
        launch(Path(notebook), server=server, token=token)
        return
    launch(Path(notebook), model=model, kernelspec=kernel, keep_journal=not no_journal)


def launch(path: Path, **wishes: object) -> None:
    """Raises MlagentError, also when the terminal toolkit is not installed."""
    try:
        # By name, at the last moment: nothing else on the command line may load a terminal toolkit.
        launcher = importlib.import_module(LAUNCHER)
    except ModuleNotFoundError as error:
        raise _not_installed(error.name) from error
    if importlib.util.find_spec("textual") is None:
        raise _not_installed("textual")
    launcher.launch(path, **wishes)


def _not_installed(name: str | None) -> MlagentError:
    return MlagentError(
        f"The terminal app is not installed ({name} is missing); "
        f"install it with `pip install 'jupyter-mlagent[tui]'`."
    )


def run() -> NoReturn:
    """`mlagent tui ...` as the whole of this process's command line."""
    import sys

    from jupyter_mlagent.cli.ending import to_its_end

    door = typer.Typer(pretty_exceptions_enable=False, add_completion=False, rich_markup_mode="rich")
    door.command("tui")(command)
    to_its_end(lambda: door(sys.argv[2:], prog_name="mlagent tui"))
