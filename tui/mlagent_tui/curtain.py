"""The notebook's text on the screen before the app is there: in plain rows, drawn with nothing but Python.

Importing a terminal toolkit takes longer than a person waits without noticing; reading a notebook does not.
The app draws over it, cell for cell in the same place.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlagent_tui.plain import HANDLER

GUTTER = 7
"""As in the app: the execution count stands there."""
LARGEST = 8 << 20
"""Bytes; reading a larger file takes longer than the app does."""
MOST_OUTPUT_LINES = 24
ENTER, LEAVE, HIDE, SHOW = "\x1b[?1049h\x1b[H\x1b[2J", "\x1b[?1049l", "\x1b[?25l", "\x1b[?25h"
WIDE = "WF"


class Curtain:
    """`draw`, then either `hand_over` to the app, or `lift` when there will be none."""

    def __init__(self) -> None:
        self._up = False
        self._modes: Any = None

    def draw(self, path: Path) -> None:
        """Nothing happens without a terminal that can be drawn on."""
        if os.environ.get("TERM", "dumb") in ("", "dumb") or not sys.stdout.isatty():
            return
        with contextlib.suppress(OSError, ValueError):
            width, height = os.get_terminal_size(sys.stdout.fileno())
            shown = "\r\n".join(rows(path, width, height))
            self._silence_keys()
            encoding = sys.stdout.encoding or "ascii"
            sys.stdout.flush()
            os.write(sys.stdout.fileno(), (ENTER + HIDE + shown).encode(encoding, HANDLER))
            self._up = True

    def hand_over(self) -> None:
        """The app takes the terminal as it was, screen and all."""
        self._restore_modes()
        self._up = False

    def lift(self) -> None:
        """The terminal as it was, so that a sentence can be read on it."""
        self._restore_modes()
        if self._up:
            os.write(sys.stdout.fileno(), (SHOW + LEAVE).encode())
        self._up = False

    def _silence_keys(self) -> None:
        """What is typed meanwhile waits for the app and is not echoed into the picture."""
        with contextlib.suppress(ImportError, OSError):
            import termios

            self._modes = termios.tcgetattr(sys.stdin.fileno())
            silent = termios.tcgetattr(sys.stdin.fileno())
            silent[3] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, silent)

    def _restore_modes(self) -> None:
        if self._modes is None:
            return
        with contextlib.suppress(ImportError, OSError):
            import termios

            termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, self._modes)
        self._modes = None


def rows(path: Path, width: int, height: int) -> list[str]:
    """What fits of the notebook, as text; only the name when it cannot be read that fast."""
    shown = [_cut(f" {path.name}   ◌ kernel starting   model loading…", width)]
    for row in _cells(path):
        if len(shown) >= height - 1:
            break
        shown.append(_cut(row, width - 1))
    return shown


def _cells(path: Path) -> Iterator[str]:
    try:
        if path.stat().st_size > LARGEST:
            return
        cells = json.loads(path.read_bytes())["cells"]
        for cell in cells:
            yield from _cell(cell)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        # What is wrong with the file is said by whoever really reads it.
        return


def _cell(cell: dict[str, Any]) -> Iterator[str]:
    label = ""
    if cell["cell_type"] == "code":
        count = cell.get("execution_count")
        label = f"[{' ' if count is None else count}]"
    for number, line in enumerate(_text(cell["source"]).split("\n")):
        yield f"{label if number == 0 else '':>{GUTTER - 1}} {line}"
    for output in cell.get("outputs", ()):
        if output.get("output_type") == "stream":
            for line in _text(output["text"]).rstrip("\n").split("\n")[:MOST_OUTPUT_LINES]:
                yield " " * GUTTER + line
    yield ""


def _text(text: Any) -> str:
    return text if isinstance(text, str) else "".join(text)


def _cut(row: str, width: int) -> str:
    """At most `width` columns, without anything that a terminal would obey."""
    kept, used = [], 0
    for character in row.expandtabs(4):
        size = 2 if unicodedata.east_asian_width(character) in WIDE else 1
        if used + size > width:
            break
        kept.append(character if character.isprintable() else " ")
        used += size
    return "".join(kept).rstrip()
