"""For terminals whose encoding lacks a character: another one of the same width, so that nothing moves."""

from __future__ import annotations

import codecs
import sys
import unicodedata

HANDLER = "mlagent.look-alike"
LOOK_ALIKES = {
    **dict.fromkeys("│┃▌▎▏▐┤├║╎╏┆┇┊┋", "|"),
    **dict.fromkeys("─━▔▁▂═╌╍┄┅┈┉▀▄", "-"),
    **dict.fromkeys("┌┐└┘╭╮╰╯┬┴┼╞╡╪╔╗╚╝╠╣╦╩╬", "+"),
    **dict.fromkeys("▃▅▆▇█▊▋▍▉░▒▓■", "#"),
    **dict.fromkeys("●•★◐⚑◆", "*"),
    **dict.fromkeys("◌·⋯…", "."),
    **dict.fromkeys("→▶►", ">"),
    **dict.fromkeys("←◀◄", "<"),
    **dict.fromkeys("↑▲", "^"),
    **dict.fromkeys("↓▼", "v"),
    "✓": "+",
    "✗": "x",
    "✂": "x",
    "⏎": "<",
    "\u2013": "-",
    "\u2014": "-",
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
}
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


def look_alike(character: str) -> str:
    """ASCII, as wide as the character."""
    if character in LOOK_ALIKES:
        return LOOK_ALIKES[character]
    if character in SPINNER:
        return "|/-\\"[SPINNER.index(character) % 4]
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return ""
    letter = unicodedata.normalize("NFKD", character)[:1]
    if letter.isascii() and letter.isprintable() and letter:
        return letter
    # Not at the top: the screen is still empty when this module is imported.
    from rich.cells import cell_len

    return "?" * cell_len(character)


def _handle(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(map(look_alike, lost)), error.end


codecs.register_error(HANDLER, _handle)


def write_look_alikes() -> None:
    """Let what is written to the terminal from now on never fail, and never be an escape of Python's."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=HANDLER)
