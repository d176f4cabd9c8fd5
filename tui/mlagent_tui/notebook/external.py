"""A cell in the person's own editor."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from jupyter_mlagent.errors import MlagentError

FALLBACKS = ("nano", "vim", "vi")


def editor_command(setting: str = "") -> list[str]:
    """From the setting, $VISUAL, $EDITOR, or what is installed. Raises MlagentError when there is none."""
    wanted = setting or os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""
    command = shlex.split(wanted) if wanted else [name for name in FALLBACKS if shutil.which(name)][:1]
    if not command:
        raise MlagentError("No editor was found; set EDITOR, e.g. `export EDITOR=nano`.")
    if shutil.which(command[0]) is None:
        raise MlagentError(f"The editor '{command[0]}' is not installed; set EDITOR to another one.")
    return command


def edited(text: str, command: list[str], suffix: str = ".py") -> str:
    """Run the editor on a private copy and return what it left. Raises MlagentError when it failed."""
    descriptor, name = tempfile.mkstemp(prefix="mlagent-cell-", suffix=suffix)
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        try:
            subprocess.run([*command, name], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise MlagentError(
                f"The editor '{command[0]}' failed ({error}); the cell is as it was."
            ) from error
        try:
            left = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise MlagentError(
                f"What the editor left cannot be read ({error}); the cell is as it was."
            ) from error
        # Editors end a file with a newline that the cell does not have.
        return left[:-1] if left.endswith("\n") and not text.endswith("\n") else left
    finally:
        path.unlink(missing_ok=True)
