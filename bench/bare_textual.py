"""A Textual program that shows a notebook's text and nothing more: what the toolkit itself costs.

    python bench/bare_textual.py NB.ipynb

`bench/tui.py` measures the terminal app against it. Same kind of screen: a row on top, the text scrolled, a
footer with one key.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Footer, Static


class Bare(App[None]):
    BINDINGS = [("q", "quit", "Propose nothing")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        cells = json.loads(Path(sys.argv[1]).read_bytes())["cells"][:20]
        yield Static(sys.argv[1])
        with VerticalScroll():
            yield Static("\n\n".join("".join(cell["source"]) for cell in cells), markup=False)
        yield Footer()


if __name__ == "__main__":
    Bare().run()
