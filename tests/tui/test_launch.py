"""The door: the command line loads no terminal toolkit, and says in a sentence what is wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from jupyter_mlagent.cli import app as cli
from jupyter_mlagent.cli import tui
from jupyter_mlagent.errors import MlagentError


def test_the_command_line_loads_no_terminal_toolkit() -> None:
    program = "import sys, jupyter_mlagent.cli.app; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_without_a_terminal_it_says_what_to_use_instead(notebook) -> None:
    result = CliRunner().invoke(cli.app, ["tui", str(notebook)])
    assert isinstance(result.exception, MlagentError)
    assert "mlagent suggest" in str(result.exception)


def test_without_the_toolkit_it_says_how_to_install_it(notebook, monkeypatch) -> None:
    monkeypatch.setattr(tui, "LAUNCHER", "mlagent_tui_not_there")
    with pytest.raises(MlagentError, match="not installed"):
        tui.launch(notebook, model=None, kernelspec=None, keep_journal=False)
