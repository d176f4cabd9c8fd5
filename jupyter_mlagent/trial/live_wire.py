"""What a tree of live states is given: its limits, its time; and what it shows."""

from __future__ import annotations

from jupyter_mlagent.trial.api import TrialLimits
from jupyter_mlagent.trial.outputs import Output
from mlagent_kernel import wire
from mlagent_kernel.replay import BOUNDARY

_PATIENCE, PATIENCE_FLOOR = 5.0, 120.0


def tree_limits(limits: TrialLimits, memory_bytes: int | None = None) -> wire.Limits:
    """Of the guard around a whole tree: memory and processes are those of all its nodes together."""
    return wire.Limits(
        seconds=limits.seconds,
        memory_bytes=memory_bytes,
        disk_bytes=4 * limits.disk_bytes,
        processes=4096,
        output_bytes=limits.output_bytes,
        metric_seconds=limits.metric_seconds,
    )


def patience(limits: TrialLimits) -> float:
    return PATIENCE_FLOOR + _PATIENCE * (limits.seconds + limits.metric_seconds)


def without_marks(outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    return tuple(output for output in outputs if BOUNDARY not in output.get("data", {}))
