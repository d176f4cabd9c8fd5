"""Pictures in the terminal: by its graphics protocol, else two pixels a cell in half blocks."""

from __future__ import annotations

import base64
import binascii
import io
from functools import lru_cache
from typing import Any

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from mlagent_tui.notebook.graphics import Graphics, marks

HALF_BLOCK = "▀"
WIDEST = 100
CELL_PIXELS = 10
"""Of a picture in full resolution, across one character cell: about its natural size."""
TALLEST = 30
"""Rows of text; a plot larger than that is no easier to read at this resolution."""
MOST_PIXELS = 50_000_000
"""Above this a small file may unpack to more memory than the machine has."""


_graphics: Graphics | None = None


def draw_with(graphics: Graphics | None) -> None:
    """What pictures are drawn with from now on; None: half blocks."""
    global _graphics
    _graphics = graphics
    picture.cache_clear()


@lru_cache(maxsize=32)
def picture(encoded: str, width: int) -> tuple[Strip, ...] | None:
    """Rows of a base64 image at most `width` cells wide; None when it cannot be drawn here."""
    image = _decoded(encoded)
    if _graphics is not None and image is not None:
        columns, rows = fitted(image.width // CELL_PIXELS, image.height // CELL_PIXELS, width, TALLEST)
        file = io.BytesIO()
        image.save(file, "PNG")
        return _graphics.place(file.getvalue(), min(columns, len(marks())), rows)
    if image is None:
        return None
    columns, rows = fitted(image.width, image.height, min(width, WIDEST), TALLEST)
    pixels = image.resize((columns, rows * 2)).load()
    return tuple(
        Strip(
            [
                Segment(HALF_BLOCK, _style(pixels[column, row * 2], pixels[column, row * 2 + 1]))
                for column in range(columns)
            ],
            columns,
        )
        for row in range(rows)
    )


def fitted(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """Character columns and rows for an image, proportions kept (a cell is twice as high as wide)."""
    scale = min(columns / width, 2 * rows / height, 1.0)
    return max(1, round(width * scale)), max(1, round(height * scale / 2))


@lru_cache(maxsize=512)
def _style(upper: tuple[int, int, int], lower: tuple[int, int, int]) -> Style:
    return Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower))


def _decoded(encoded: str) -> Any:
    try:
        from PIL import Image
    except ImportError:  # it comes with matplotlib; without it nothing here draws
        return None
    try:
        image: Any = Image.open(io.BytesIO(base64.b64decode(encoded)))
        if image.width * image.height > MOST_PIXELS:
            return None
        if image.mode in ("RGBA", "LA", "P"):
            canvas = Image.new("RGBA", image.size, "white")
            canvas.alpha_composite(image.convert("RGBA"))
            image = canvas
        return image.convert("RGB")
    except (OSError, ValueError, binascii.Error, SyntaxError):
        return None
