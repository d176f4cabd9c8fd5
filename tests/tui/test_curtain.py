"""What stands on the screen before the toolkit is there: the notebook's text, nothing a terminal obeys."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_notebook, new_output
from rich.cells import cell_len
from script import write_notebook

from mlagent_tui.curtain import rows


def test_it_shows_cells_with_their_counts_and_what_they_printed(tmp_path: Path) -> None:
    cell = new_code_cell(
        "a = 1\nprint(a)", execution_count=3, outputs=[new_output("stream", name="stdout", text="1\n")]
    )
    path = write_notebook(tmp_path, new_notebook(cells=[cell]))
    assert rows(path, 80, 24)[1:4] == ["   [3] a = 1", "       print(a)", "       1"]


def test_it_needs_no_toolkit() -> None:
    program = (
        "import sys; from mlagent_tui import curtain, launch; from jupyter_mlagent.cli import tui;"
        "sys.exit(any(name in sys.modules for name in ('textual', 'asyncio', 'msgspec', 'nbformat')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    text=st.text(),
    width=st.integers(min_value=1, max_value=60),
    height=st.integers(min_value=2, max_value=12),
)
def test_nothing_in_a_notebook_reaches_the_terminal_as_a_command(
    tmp_path: Path, text: str, width: int, height: int
) -> None:
    import json

    path = tmp_path / "any.ipynb"
    cells = [{"cell_type": "code", "source": text + "\x1b]0;gone\x07\x9b2J", "outputs": []}] * 3
    path.write_text(json.dumps({"cells": cells}))
    shown = rows(path, width, height)
    assert len(shown) <= height
    for row in shown:
        assert row.isprintable() or not row
        assert cell_len(row) <= width


@pytest.mark.parametrize("content", [b"", b"[]", b'{"cells": 3}', b'{"cells": [{"cell_type": 1}]}', b"\xff"])
def test_what_is_no_notebook_is_only_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.ipynb"
    path.write_bytes(content)
    assert [row for row in rows(path, 80, 24)[1:] if row.strip()] == []
