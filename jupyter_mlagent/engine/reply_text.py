"""From sampled bytes to text a reader may see: whole characters only, and nothing of a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class ReplyText:
    """Turns the bytes of successive tokens into text, ending before the first stop string.

    Characters and stop strings may be split across tokens: what could still become either is held back.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stop = tuple(text for text in stop if text)
        self._held = ""
        self.stopped = False

    def feed(self, piece: bytes) -> str:
        """The text that became certain with `piece`; sets `stopped` once a stop string is complete."""
        if self.stopped:
            return ""
        self._held += self._decoder.decode(piece)
        found = [position for stop in self._stop if (position := self._held.find(stop)) >= 0]
        if found:
            self.stopped = True
            text, self._held = self._held[: min(found)], ""
            return text
        certain = len(self._held) - self._uncertain()
        text, self._held = self._held[:certain], self._held[certain:]
        return text

    def finish(self) -> str:
        """What was held back, once no more tokens follow; half a character at the end is dropped."""
        text, self._held = self._held, ""
        return text

    def _uncertain(self) -> int:
        """Length of the longest end of the text that a stop string starts with."""
        longest = max((len(stop) for stop in self._stop), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            end = self._held[-length:]
            if any(stop.startswith(end) for stop in self._stop):
                return length
        return 0
