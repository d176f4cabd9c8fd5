"""The door from the command line: settings are read and faults are said before the screen is taken."""

from __future__ import annotations

import sys
from pathlib import Path

from jupyter_mlagent.errors import MlagentError
from mlagent_tui.desk.core import LocalCore
from mlagent_tui.settings.session import session_settings
from mlagent_tui.settings.store import load_keymap, load_settings


def launch(
    path: Path, *, model: str | None = None, kernelspec: str | None = None, keep_journal: bool = True
) -> None:
    """Run the app until the person leaves. Raises MlagentError."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise MlagentError(
            "There is no terminal here; run `mlagent tui` in one, or use `mlagent suggest` and `mlagent run`."
        )
    if not path.is_file():
        from jupyter_mlagent.notebook.read import read_bytes

        read_bytes(path)
    settings, keymap = load_settings(), load_keymap()
    core = LocalCore(session_settings(settings), model, kernelspec, keep_journal)
    from mlagent_tui.app import MlagentApp

    app = MlagentApp(path, core, settings, keymap)
    problem = app.run()
    if app.rescued is not None:
        print(f"Your unsaved work is in {app.rescued}.", file=sys.stderr)  # noqa: T201
    if problem:
        raise MlagentError(problem)
