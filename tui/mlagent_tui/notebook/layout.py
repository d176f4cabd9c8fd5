"""Where each cell stands in the scrolled text: heights to positions and back. Pure arithmetic."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


class RowLayout:
    """Blocks of rows under each other; positions count from the top of the first."""

    def __init__(self, heights: Sequence[int] = ()) -> None:
        self._heights = list(heights)
        self._tops: list[int] | None = None

    def __len__(self) -> int:
        return len(self._heights)

    @property
    def total(self) -> int:
        return self._starts[-1]

    def height(self, block: int) -> int:
        return self._heights[block]

    def top(self, block: int) -> int:
        return self._starts[block]

    def set_height(self, block: int, height: int) -> int:
        """Returns by how much the block grew."""
        grown = height - self._heights[block]
        if grown:
            self._heights[block] = height
            self._tops = None
        return grown

    def block_at(self, row: int) -> int | None:
        """The block that row belongs to; None outside."""
        if not 0 <= row < self.total:
            return None
        return bisect_right(self._starts, row) - 1

    def blocks_between(self, first_row: int, last_row: int) -> range:
        """Blocks that show in these rows, both included."""
        if not self._heights:
            return range(0)
        low = self.block_at(max(0, first_row))
        high = self.block_at(min(last_row, self.total - 1))
        return range(low if low is not None else len(self), 0 if high is None else high + 1)

    @property
    def _starts(self) -> list[int]:
        if self._tops is None:
            self._tops = list(accumulate(self._heights, initial=0))
        return self._tops
