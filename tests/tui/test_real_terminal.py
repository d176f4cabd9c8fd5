"""The real program in a real terminal (tmux), with a real kernel and the real small model."""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "breast_cancer.ipynb"
MODEL = "qwen2.5-coder-0.5b"


class Terminal:
    """One tmux session on a server of its own."""

    def __init__(self, command: str, columns: int = 140, rows: int = 40) -> None:
        self._name = f"mlagent-{uuid.uuid4().hex[:8]}"
        self._tmux("new-session", "-d", "-s", "main", "-x", str(columns), "-y", str(rows), command)
        self._tmux("set-option", "-g", "remain-on-exit", "on")

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-L", self._name, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def keys(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", "main", *keys)

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", "main")

    def wait_for(self, *words: str, looks: int = 600) -> str:
        """Look until one of the words is on the screen."""
        for _ in range(looks):
            shown = self.screen
            if any(word in shown for word in words):
                return shown
            # tmux itself waits here: no look is wasted, and nothing of the program is assumed.
            self._tmux("run-shell", "sleep 0.1")
        raise AssertionError(f"none of {words} came; the screen shows:\n{self.screen}")

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self._name, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    notebook = Path(shutil.copyfile(EXAMPLE, tmp_path / "work.ipynb"))
    program = f"{sys.executable} -m jupyter_mlagent tui {notebook} --model {MODEL} --no-journal"
    opened = Terminal(program)
    yield opened
    opened.close()


@pytest.mark.model
@pytest.mark.slow
def test_from_the_open_notebook_to_a_ranked_proposal_and_out_again(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.wait_for("Benign or malignant?")
    terminal.wait_for("kernel idle")
    terminal.keys("p")
    shown = terminal.wait_for("usable", "No usable candidate")
    assert "accuracy_score" in shown
    terminal.keys("Escape", "q")
    terminal.wait_for("Discard")
    terminal.keys("d")
    terminal.wait_for("Pane is dead", "[exited]")
