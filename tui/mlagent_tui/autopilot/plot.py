"""A metric over steps, drawn with characters. Pure: numbers in, rows of text out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from jupyter_mlagent.phrases import number

LINE, POINT, DOT, RISE = "─", "●", "·", "│"
STYLES = {LINE: "$primary", RISE: "$primary", POINT: "bold $text-primary", DOT: "$foreground-muted"}
LABEL_WIDTH = 9


@dataclass(frozen=True)
class Scale:
    """Values to rows (row 0 on top), steps to columns."""

    low: float
    high: float
    rows: int
    steps: int
    columns: int

    def row(self, value: float) -> int:
        share = (value - self.low) / (self.high - self.low)
        return max(0, min(self.rows - 1, round((1 - share) * (self.rows - 1))))

    def column(self, step: float) -> int:
        return max(0, min(self.columns - 1, round(step / max(1, self.steps) * (self.columns - 1))))

    def value(self, row: int) -> float:
        return self.high - (self.high - self.low) * row / max(1, self.rows - 1)


def scale_for(values: Sequence[float], steps: int, columns: int, rows: int) -> Scale:
    """Holds every finite value with a little air; a flat line stands in the middle."""
    finite = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(finite), max(finite)
    air = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    return Scale(low - air, high + air, max(2, rows), steps, max(2, columns))


def plot(
    best: Sequence[float], tried: Sequence[tuple[int, float]], *, steps: int, width: int, height: int
) -> Content:
    """The notebook's metric after each step as a line, every trial as a dot; `height` rows with the axis."""
    columns, rows = max(10, width - LABEL_WIDTH), max(3, height - 2)
    scale = scale_for([*best, *(value for _, value in tried)], steps, columns, rows)
    grid = [[" "] * columns for _ in range(rows)]
    for step, value in tried:
        if math.isfinite(value):
            grid[scale.row(value)][scale.column(step - 0.5)] = DOT
    _draw_line(grid, scale, best)
    lines = [_axis_row(scale, row, "".join(grid[row])) for row in range(rows)]
    lines.append(Content.styled(" " * (LABEL_WIDTH - 1) + "└" + "─" * (columns - 1), "$foreground-muted"))
    lines.append(_step_labels(scale))
    return Content("\n").join(lines)


def _draw_line(grid: list[list[str]], scale: Scale, best: Sequence[float]) -> None:
    for step, value in enumerate(best):
        row, column = scale.row(value), scale.column(step)
        if step:
            before = scale.row(best[step - 1])
            start = scale.column(step - 1)
            for x in range(start + 1, column):
                grid[before][x] = LINE
            for y in range(min(before, row), max(before, row) + 1):
                grid[y][column] = RISE if before != row else LINE
        grid[row][column] = POINT


def _axis_row(scale: Scale, row: int, text: str) -> Content:
    labelled = row in (0, scale.rows // 2, scale.rows - 1)
    label = number(scale.value(row)) if labelled else ""
    line = Content.styled(f"{label:>{LABEL_WIDTH - 2}} ", "$foreground-muted")
    line += Content.styled("┤" if labelled else "│", "$foreground-muted")
    return line + Content.assemble(*((mark, STYLES.get(mark, "")) for mark in text))


def _step_labels(scale: Scale) -> Content:
    """Step numbers under the axis, as many as fit."""
    cells = [" "] * (LABEL_WIDTH + scale.columns + 4)
    every = max(1, math.ceil(scale.steps / max(1, scale.columns // 6)))
    for step in range(0, scale.steps + 1, every):
        at = LABEL_WIDTH - 1 + scale.column(step)
        cells[at : at + len(str(step))] = str(step)
    return Content.styled("".join(cells).rstrip(), "$foreground-muted")
