"""Pictures in full resolution where the terminal can: kitty's graphics protocol with Unicode placeholders.

The picture is sent once; then every character cell that holds a placeholder shows its part of it, so that
scrolling, covering and clipping are the business of ordinary text. Row and column of a cell stand in two
combining marks, the picture's number in the cell's colour
(https://sw.kovidgoyal.net/kitty/graphics-protocol, "Unicode placeholders"; kitty and Ghostty draw it).
"""

from __future__ import annotations

import base64
import os
import unicodedata
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

PLACEHOLDER = "\U0010eeee"
CHUNK = 4096
"""Characters of one command at most."""
FUSED = {
    *(0x300, 0x301, 0x302, 0x303, 0x304, 0x306, 0x307, 0x308, 0x309, 0x30A, 0x30B, 0x30C, 0x30F),
    *(0x311, 0x313, 0x314, 0x342, 0x653, 0x654),
}
"""Marks that normalisation may join with other characters; the protocol leaves them out."""

Send = Callable[[str], None]


def has_graphics(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this terminal draws placeholders; a multiplexer between swallows what would be sent."""
    if environment.get("TMUX") or environment.get("STY") or environment.get("NO_COLOR"):
        return False
    terminal = environment.get("TERM", "")
    return terminal in ("xterm-kitty", "xterm-ghostty") or "KITTY_WINDOW_ID" in environment


@lru_cache(maxsize=1)
def marks() -> tuple[str, ...]:
    """The combining mark of each number from 0: class 230, no decomposition, by code."""
    return tuple(
        chr(code)
        for code in range(0x300, 0x750)
        if unicodedata.combining(chr(code)) == 230
        and not unicodedata.decomposition(chr(code))
        and code not in FUSED
    )


class Graphics:
    """Sends each picture once, when it is first drawn at a size."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._sent: set[tuple[int, int, int]] = set()

    def place(self, png: bytes, columns: int, rows: int) -> tuple[Strip, ...]:
        """Rows of placeholders that show the picture in `columns` x `rows` cells."""
        number = (zlib.crc32(png) & 0xFFFFFF) or 1
        if (number, columns, rows) not in self._sent:
            self._sent.add((number, columns, rows))
            for command in commands(png, number, columns, rows):
                self._send(command)
        return placeholders(number, columns, rows)


def commands(png: bytes, number: int, columns: int, rows: int) -> list[str]:
    """Escape sequences that send a PNG and say how many cells it fills; the terminal answers nothing."""
    data = base64.b64encode(png).decode()
    pieces = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    out = []
    for position, piece in enumerate(pieces):
        head = f"a=T,U=1,f=100,t=d,i={number},c={columns},r={rows},q=2," if position == 0 else "q=2,"
        more = int(position < len(pieces) - 1)
        out.append(f"\x1b_G{head}m={more};{piece}\x1b\\")
    return out


def placeholders(number: int, columns: int, rows: int) -> tuple[Strip, ...]:
    style = Style(color=Color.from_rgb(number >> 16, number >> 8 & 255, number & 255))
    known = marks()
    return tuple(
        Strip(
            # One segment a cell: text that is cut within a row keeps each cell's marks.
            [Segment(PLACEHOLDER + known[row] + known[column], style) for column in range(columns)],
            columns,
        )
        for row in range(rows)
    )
