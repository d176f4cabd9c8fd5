"""A run in a terminal is a bar; in a log file it is lines."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from jupyter_mlagent.training_events import TrainingProgress
from local_rl.training.display import _show


@pytest.mark.parametrize("terminal", [True, False])
def test_a_log_file_gets_a_line_an_update(terminal: bool) -> None:
    written = io.StringIO()
    progress = Progress(console=Console(file=written, force_terminal=terminal), disable=True)
    bar = progress.add_task("Training", total=None, numbers="")
    event = TrainingProgress(
        update=3, updates=9, loss=0.5, learning_rate=1e-4, memory_bytes=2_000_000_000, seconds_left=61.0
    )
    assert _show(event, progress, bar) is None
    assert ("3 of 9  loss 0.500  2.0 GB  0:01:01 left" in written.getvalue()) is not terminal
