"""Fit pieces of text into a number of tokens: the least relevant are shortened first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

STEP = 48
"""Sizes of pieces that change often are rounded up to this many tokens, so that a small change of the last
cell does not change which earlier cells are shortened (the engine reuses an unchanged prefix)."""

SEPARATOR = 1
"""Tokens between two pieces."""

Count = Callable[[str], int]


@dataclass(frozen=True)
class Piece:
    """A part of the prompt at several lengths, longest first."""

    name: str
    levels: tuple[str, ...]
    relevance: float
    """Pieces of low relevance are shortened first; each further level of a piece counts as more relevant."""
    floor: int = -1
    """Index of the last level that may be taken before everything else is at its floor; -1: the last."""
    volatile: bool = False
    """Whether its text changes from request to request."""


LEVEL_STEP = 10.0
"""How much more relevant a piece's next level is: one piece is not emptied before its peers are shortened."""


def fit(pieces: Sequence[Piece], tokens: int, count: Count) -> list[int]:
    """The level of each piece so that all fit in `tokens` together, where that is possible.

    Greedy and deterministic: shortening goes from the least relevant step to the most relevant one, and only
    below the floors when all else is done.
    """
    size = lru_cache(maxsize=None)(count)

    def cost(piece: Piece, level: int) -> int:
        text = piece.levels[level]
        exact = size(text) + SEPARATOR if text else 0
        return round_up(exact) if piece.volatile else exact

    levels = [0] * len(pieces)
    total = sum(cost(piece, 0) for piece in pieces)
    for number, level in _steps(pieces):
        if total <= tokens:
            break
        if level <= levels[number]:
            continue
        piece = pieces[number]
        total += cost(piece, level) - cost(piece, levels[number])
        levels[number] = level
    return levels


def round_up(tokens: int) -> int:
    """To a multiple of STEP: for what changes from request to request."""
    return -(-tokens // STEP) * STEP


def _steps(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """Every (piece, level) that shortening may take, in order."""
    steps = []
    for number, piece in enumerate(pieces):
        floor = piece.floor % len(piece.levels)
        for level in range(1, len(piece.levels)):
            steps.append((level > floor, piece.relevance + LEVEL_STEP * (level - 1), -number, number, level))
    return [(number, level) for *_, number, level in sorted(steps)]


def cut(text: str, tokens: int, count: Count) -> str:
    """The longest head and tail of the text that fit in `tokens` (two thirds head); "" when none does."""
    if tokens <= 0:
        return ""
    if count(text) <= tokens:
        return text
    low, high, best = 0, len(text), ""
    while low <= high:
        kept = (low + high) // 2
        tail = kept // 3
        shorter = f"{text[: kept - tail]}\n...\n{text[len(text) - tail :]}" if kept else ""
        if count(shorter) <= tokens:
            best, low = shorter, kept + 1
        else:
            high = kept - 1
    return best
