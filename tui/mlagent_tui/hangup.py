"""When the terminal is gone: nothing that is still written may block or fail, and the process must end.

Textual writes from a thread through a bounded queue; once its terminal is closed that thread is lost, and
whoever fills the queue waits for ever.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time

HUNG_UP = 129
"""The exit code of a program ended by SIGHUP."""


def let_go_of_terminal(seconds: float) -> None:
    """Write to nowhere from now on, and leave for certain after `seconds`, ended cleanly or not."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]

    def leave() -> None:
        time.sleep(seconds)
        os._exit(HUNG_UP)

    threading.Thread(target=leave, name="hang up", daemon=True).start()
