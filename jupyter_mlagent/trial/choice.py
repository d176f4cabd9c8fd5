"""Which try engine serves a kernel: the fastest one that is safe there, and why."""

from __future__ import annotations

import os

from jupyter_mlagent.records import TryEngine

FORK = "Nothing in this kernel stands against a copy."
ELSEWHERE = (
    "The kernel runs on another machine or in another container, so its trials cannot be started from here."
)
NO_PROCESSES = "Trials in processes of their own need Linux or macOS."


def choose(*, unsafe_to_fork: str, same_machine: bool) -> tuple[TryEngine, str]:
    """(engine, one sentence why). `unsafe_to_fork`: why the kernel cannot be forked; empty when it can."""
    if not same_machine:
        return TryEngine.STATIC, ELSEWHERE
    if not unsafe_to_fork:
        return TryEngine.FORK, FORK
    if os.name != "posix":
        return TryEngine.STATIC, NO_PROCESSES
    return TryEngine.FRESH, f"{unsafe_to_fork} A fresh process replays the notebook's cells instead."
