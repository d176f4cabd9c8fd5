"""The real program in a real terminal (tmux), with a real kernel and the real small model."""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "breast_cancer.ipynb"
MODEL = "qwen2.5-coder-0.5b"
KEEP_PANE = ("set-option", "-g", "remain-on-exit", "on")


class Terminal:
    """One tmux session on a server of its own."""

    def __init__(self, command: str, columns: int = 140, rows: int = 40) -> None:
        self._name = f"mlagent-{uuid.uuid4().hex[:8]}"
        size = ("-x", str(columns), "-y", str(rows))
        # One call: a program that ends at once must not take its pane along before that is set.
        self._tmux("new-session", "-d", "-s", "main", *size, "exec " + command, ";", *KEEP_PANE)

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-L", self._name, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def keys(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", "main", *keys)

    @property
    def process(self) -> int:
        """The program's, which is the pane's only one."""
        return int(self._tmux("display-message", "-p", "-t", "main", "#{pane_pid}"))

    @property
    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", "main")

    def wait_for(self, *words: str, looks: int = 3_000) -> str:
        """Look until one of the words is on the screen; gives up after minutes, or when it is gone."""
        for _ in range(looks):
            shown = self.screen
            if any(word in shown for word in words):
                return shown
            if "Pane is dead" in shown:
                break
            # tmux itself waits here: no look is wasted, and nothing of the program is assumed.
            self._tmux("run-shell", "sleep 0.1")
        raise AssertionError(f"none of {words} came; the screen shows:\n{self.screen}")

    @property
    def exit_code(self) -> int:
        """Of the program, once its pane is dead."""
        return int(self._tmux("display-message", "-p", "-t", "main", "#{pane_dead_status}"))

    def close(self) -> None:
        subprocess.run(["tmux", "-L", self._name, "kill-server"], check=False, capture_output=True)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return Path(shutil.copyfile(EXAMPLE, tmp_path / "work.ipynb"))


@pytest.fixture
def open_terminal(notebook: Path) -> Iterator[Callable[..., Terminal]]:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    opened: list[Terminal] = []

    def open_it(**size: int) -> Terminal:
        program = f"{sys.executable} -m jupyter_mlagent tui {notebook} --model {MODEL} --no-journal"
        opened.append(Terminal(program, **size))
        return opened[-1]

    yield open_it
    for terminal in opened:
        terminal.close()


@pytest.mark.model
@pytest.mark.slow
def test_from_the_open_notebook_to_a_ranked_proposal_and_out_again(
    open_terminal: Callable[..., Terminal],
) -> None:
    terminal = open_terminal()
    terminal.wait_for("Benign or malignant?")
    terminal.wait_for("kernel idle")
    terminal.keys("p")
    shown = terminal.wait_for("usable", "No usable candidate")
    assert "accuracy_score" in shown
    terminal.keys("q")
    terminal.wait_for("Discard")
    terminal.keys("d")
    terminal.wait_for("Pane is dead")
    assert terminal.exit_code == 0


@pytest.mark.slow
def test_at_80_by_24_a_cell_is_written_run_and_saved(
    open_terminal: Callable[..., Terminal], notebook: Path
) -> None:
    terminal = open_terminal(columns=80, rows=24)
    terminal.wait_for("kernel idle")
    terminal.keys("b")
    terminal.wait_for("Keep and run")
    terminal.keys("print(6 * 7)", "C-r")
    terminal.wait_for(" 42")
    terminal.keys("C-s")
    terminal.wait_for("Saved work.ipynb")
    assert "print(6 * 7)" in notebook.read_text()
    terminal.keys("q")
    terminal.wait_for("Pane is dead")
    assert terminal.exit_code == 0


@pytest.mark.slow
def test_work_is_saved_when_the_terminal_goes_away(
    open_terminal: Callable[..., Terminal], notebook: Path
) -> None:
    terminal = open_terminal()
    terminal.wait_for("kernel idle")
    terminal.keys("b")
    terminal.wait_for("Keep and run")
    terminal.keys("kept = True")
    terminal.wait_for("kept = True")
    process = terminal.process
    below = psutil.Process(process).children(recursive=True)
    terminal.close()
    _, left = psutil.wait_procs([psutil.Process(process), *below], timeout=60)
    assert not left
    assert "kept = True" in notebook.read_text()
