"""Text that programs printed, made safe and readable: colours stay, all else that a terminal obeys goes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.text import Text
from textual.content import Content

MOST_LINES = 24
"""Of one output; the rest is one key away in the pager."""
LONGEST_LINE = 2_000
QUIET = "$foreground-muted italic"
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n|$)")
_BACKSPACE = re.compile(r"[^\n]\x08")
_OTHER_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_].*?(?:\x1b\\|$)|\x1b\[[0-9;?<=>]*[A-HJ-ln-z@`]", re.DOTALL
)
"""OSC (titles, clipboard, links), DCS and CSI sequences other than colours (`m`)."""


def settled(text: str) -> str:
    """As a terminal would leave it: progress bars at their last state, no control sequences but colours."""
    if "\x1b" in text:
        text = _OTHER_ESCAPES.sub("", text)
    if "\r" in text:
        text = _OVERWRITTEN.sub("", text.replace("\r\n", "\n"))
    while "\x08" in text and _BACKSPACE.search(text):
        text = _BACKSPACE.sub("", text)
    return text


def printed(text: str, most_lines: int | None = MOST_LINES, style: str = "") -> Content:
    """Program output as content; head and tail of a long one, with a line that says what is missing."""
    lines = settled(text).rstrip("\n").split("\n")
    if most_lines is None or len(lines) <= most_lines:
        return _ansi(lines, style)
    half = most_lines // 2
    hidden = len(lines) - 2 * half
    note = Content.styled(f"⋯ {hidden:,} more lines · o shows all", QUIET)
    return Content("\n").join([_ansi(lines[:half], style), note, _ansi(lines[-half:], style)])


def _ansi(lines: Sequence[str], style: str) -> Content:
    text = "\n".join(line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + "…" for line in lines)
    if "\x1b" in text:
        return Content.from_rich_text(Text.from_ansi(text))
    return Content.styled(text, style) if style else Content(text)
