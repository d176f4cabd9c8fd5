"""The shape of one variable's description."""

from __future__ import annotations

from typing import NamedTuple


class Description(NamedTuple):
    summary: str
    """One line."""
    detail: str = ""
    """More lines, for a prompt with room."""
    bytes: int | None = None


def clip(text: str, limit: int = 80) -> str:
    """One line of at most `limit` characters."""
    flat = " ".join(text[: 4 * limit].split())
    return flat if len(flat) <= limit and len(text) <= 4 * limit else flat[: limit - 1] + "…"


def known(value: object, module: str, name: str) -> bool:
    """Whether the class, or one it derives from, is `name` below the top-level package `module`."""
    return any(
        kind.__name__ == name and kind.__module__.partition(".")[0] == module for kind in type(value).__mro__
    )
