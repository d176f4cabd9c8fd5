"""Run as a program: can a process fork here, and which guard can confine a trial? Prints both."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

FORK_EXIT = 7


def look() -> dict[str, Any]:
    found: dict[str, Any] = {"fork": _fork(), "tier": "none", "reason": ""}
    try:
        from mlagent_kernel.guard import available

        found["tier"], found["reason"] = available()
    except Exception as error:
        found["reason"] = f"{type(error).__name__}: {error}"
    return found


def _fork() -> str:
    """Empty when forking works, else why not."""
    if not hasattr(os, "fork"):
        return "this system has no fork"
    try:
        child = os.fork()
    except OSError as error:
        return error.strerror or str(error)
    if child == 0:
        os._exit(FORK_EXIT)
    status = os.waitpid(child, 0)[1]
    return "" if os.waitstatus_to_exitcode(status) == FORK_EXIT else f"the child ended with status {status}"


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(look()) + "\n")
