"""Comparing a screen with the picture that was approved; `MLAGENT_UPDATE_SNAPSHOTS=1` approves what is there.

A picture is the screen as text with the style of every run of characters: it can be read in a diff, which an
SVG cannot, and holds the same facts.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "snapshots"


def picture(app: Any) -> str:
    """Rows of text, then for each row its runs of style."""
    lines = app.screen._compositor.render_strips(app.size)
    text, styles = [], []
    for number, strip in enumerate(lines):
        strip = strip.simplify()
        text.append(strip.text.rstrip())
        runs = [f"{len(segment.text)}:{segment.style}" for segment in strip if segment.style is not None]
        styles.append(f"{number:>3} {' | '.join(runs)}")
    return "\n".join([*text, "", "styles", *styles]) + "\n"


def assert_matches(app: Any, name: str) -> None:
    """Raise unless the screen is the approved one; a new name has to be approved first."""
    path = FOLDER / f"{name}.txt"
    drawn = picture(app)
    if os.environ.get("MLAGENT_UPDATE_SNAPSHOTS"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(drawn, encoding="utf-8")
    assert path.exists(), f"no approved picture {path.name}; approve it with MLAGENT_UPDATE_SNAPSHOTS=1"
    assert drawn == path.read_text(encoding="utf-8")
