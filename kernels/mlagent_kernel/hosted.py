"""The main loop of a process that the host started: one request a line on standard input."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Protocol


class Server(Protocol):
    def serve(self, request: dict[str, Any]) -> None: ...

    def close(self) -> None: ...


def serve_host(make: Callable[[int], Server]) -> None:
    """Serve requests until the host closes the pipe or is gone; `make` is given the host's process id."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    server = make(os.getppid())
    try:
        for line in sys.stdin:
            server.serve(json.loads(line))
    finally:
        server.close()
