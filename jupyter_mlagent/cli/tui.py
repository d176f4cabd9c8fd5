"""`mlagent tui`: the terminal app. A door only: the app is a package of its own and is found by name."""

from __future__ import annotations

import importlib
from pathlib import Path

from jupyter_mlagent.cli import options
from jupyter_mlagent.errors import MlagentError

LAUNCHER = "mlagent_tui.launch"


def command(
    notebook: options.NotebookPath,
    model: options.ModelOption = None,
    kernel: options.KernelOption = None,
    no_journal: options.NoJournalOption = False,
) -> None:
    """Open a notebook in the terminal: read, run, ask for proposals, accept or reject, fly on autopilot."""
    launch(Path(notebook), model=model, kernelspec=kernel, keep_journal=not no_journal)


def launch(path: Path, *, model: str | None, kernelspec: str | None, keep_journal: bool) -> None:
    """Raises MlagentError, also when the terminal toolkit is not installed."""
    try:
        # By name, at the last moment: nothing else on the command line may load a terminal toolkit.
        launcher = importlib.import_module(LAUNCHER)
        importlib.import_module("textual")
    except ModuleNotFoundError as error:
        raise MlagentError(
            f"The terminal app is not installed ({error.name} is missing); "
            f"install it with `pip install 'jupyter-mlagent[tui]'`."
        ) from error
    launcher.launch(path, model=model, kernelspec=kernelspec, keep_journal=keep_journal)
