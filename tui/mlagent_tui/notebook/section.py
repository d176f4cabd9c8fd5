"""What a cell is painted from: pieces of text or picture, one under the other."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content
from textual.strip import Strip


@dataclass(frozen=True)
class Section:
    """`style` names a component class of the view; its first row carries `label` in the gutter."""

    content: Content
    style: str
    label: str = ""
    strips: tuple[Strip, ...] = ()
    """Rows that are painted already (a picture); they follow `content`."""
