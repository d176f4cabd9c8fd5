"""A piece of text that is drawn anew many times a second, at the price of what really changed."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Sheet(Static):
    """Like `Static`, but the same text again costs nothing; only another height moves others."""

    _drawn: Content | None = None

    def draw(self, content: Content) -> None:
        width = self.content_size.width
        before, self._drawn = self._drawn, content
        if before is not None and before.plain == content.plain and before.spans == content.spans:
            return
        height = content.get_height({}, width) if width else -1
        self.update(content, layout=height != self.content_size.height)
