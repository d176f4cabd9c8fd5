"""When the terminal is gone: nothing that is still written may block or fail, and the process must end soon.

Textual writes from a thread through a bounded queue; once its terminal is closed that thread is lost, and
whoever fills the queue waits for ever.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable

HUNG_UP = 129
"""The exit code of a program ended by SIGHUP."""


def let_go_of_terminal(seconds: float, spared: Callable[[], int | None] = lambda: None) -> None:
    """Write to nowhere from now on, and leave for certain after `seconds`, ended cleanly or not.

    What still runs below this process ends with it, but for the process that `spared` names then and its own
    children.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(nowhere, stream.fileno())  # type: ignore[union-attr]

    def leave() -> None:
        time.sleep(seconds)
        leave_now(spared())

    threading.Thread(target=leave, name="hang up", daemon=True).start()


def leave_now(spared: int | None = None) -> None:
    """End this process and all below it, but for `spared` and its own."""
    import psutil

    with contextlib.suppress(psutil.Error):
        below = psutil.Process().children(recursive=True)
        kept = {spared}
        for process in below:
            with contextlib.suppress(psutil.Error):
                if process.ppid() in kept:
                    kept.add(process.pid)
                if process.pid not in kept:
                    process.kill()
    os._exit(HUNG_UP)
