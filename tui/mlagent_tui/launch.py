"""The door from the command line: the notebook's text is drawn at once, the app comes up behind it.

Imports stand in the functions here: each of them is time in which the screen would still be empty.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_mlagent.errors import MlagentError
from mlagent_tui.curtain import Curtain
from mlagent_tui.plain import write_look_alikes

if TYPE_CHECKING:
    from mlagent_tui.app import MlagentApp


FRAMES = "120"
"""A second, at most. At Textual's 60, a frame that takes longer than a sixtieth on a busy machine makes the
next one skip its turn, and a key waits two turns for the frame that shows it."""


def launch(
    path: Path,
    *,
    model: str | None = None,
    kernelspec: str | None = None,
    keep_journal: bool = True,
    server: str | None = None,
    token: str | None = None,
) -> None:
    """Run the app until the person leaves. Raises MlagentError."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise MlagentError(
            "There is no terminal here; run `mlagent tui` in one, or use `mlagent suggest` and `mlagent run`."
        )
    if server is None and not path.is_file():
        from jupyter_mlagent.notebook.read import read_bytes

        read_bytes(path)
    os.environ.setdefault("TEXTUAL_FPS", FRAMES)
    write_look_alikes()
    curtain = Curtain()
    try:
        if server is None:
            curtain.draw(path)
            app = _local(path, model, kernelspec, keep_journal)
        else:
            app = _joined(path, server, token)
        curtain.hand_over()
    except BaseException:
        curtain.lift()
        raise
    problem = app.run()
    if app.rescued is not None:
        print(f"Your unsaved work is in {app.rescued}.", file=sys.stderr)  # noqa: T201
    if problem:
        raise MlagentError(problem)


def _local(path: Path, model: str | None, kernelspec: str | None, keep_journal: bool) -> MlagentApp:
    from mlagent_tui.settings.store import load_keymap, load_settings

    settings, keymap = load_settings(), load_keymap()
    from mlagent_tui.app import MlagentApp
    from mlagent_tui.desk.core import LocalCore
    from mlagent_tui.settings.session import session_settings

    core = LocalCore(
        session_settings(settings), model, kernelspec, keep_journal, settings.leave_kernel_on_hangup
    )
    return MlagentApp(path, core, settings, keymap)


def _joined(path: Path, server: str, token: str | None) -> MlagentApp:
    from mlagent_tui.app import MlagentApp
    from mlagent_tui.desk.joined import JoinedCore
    from mlagent_tui.settings.session import session_settings
    from mlagent_tui.settings.store import load_keymap, load_settings

    settings, keymap = load_settings(), load_keymap()
    return MlagentApp(path, JoinedCore(server, token, session_settings(settings)), settings, keymap)
