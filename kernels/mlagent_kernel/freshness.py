"""Whether a kernel may have changed since a copy of it was made ready: in doubt it has."""

from __future__ import annotations

import time
from typing import Any

_MESSAGES_PER_CALL = 3
"""A silent request makes a kernel send `busy`, its reply and `idle`, and nothing else."""
_IDLE_SECONDS, _IDLE_SHARE = 0.2, 0.02
"""Of processor time, what a kernel at rest uses."""


class Mark:
    """The kernel at a moment. Whatever else it was asked meanwhile (to run a cell, to complete a word, to
    move a slider) has made it send messages, and what ran in the background has used its processor time."""

    def __init__(self, shell: Any) -> None:
        self._sent = _messages_sent(shell)
        self._used = time.process_time()
        self._taken = time.monotonic()

    def changed(self, shell: Any, calls: int) -> bool:
        """`calls`: how often the host has called this package since, this call included."""
        now = _messages_sent(shell)
        if now is None or self._sent is None or now - self._sent != _MESSAGES_PER_CALL * calls:
            return True
        most = _IDLE_SECONDS + _IDLE_SHARE * (time.monotonic() - self._taken)
        return time.process_time() - self._used > most


def _messages_sent(shell: Any) -> int | None:
    session = getattr(getattr(shell, "kernel", None), "session", None)
    count = getattr(session, "message_count", None)
    return count if isinstance(count, int) else None
