"""What a tree of live states is asked and what it answers, between records and the wire."""

from __future__ import annotations

from typing import Any

from jupyter_mlagent.records import Direction, Guard, Metric, Trial, TrialError, TrialStatus, TryEngine
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


def trial_spec(code: str | None, metric: Metric | None, before: float | None, limits: TrialLimits) -> str:
    given = {name: getattr(limits, name) for name in limits.__struct_fields__}
    measured = (
        None
        if metric is None
        else wire.MetricSpec(metric.expression, metric.direction is Direction.MAXIMIZE, before)
    )
    return wire.TrialSpec(
        fifo="", code=code, limits=wire.Limits(**given), tier="none", metric=measured
    ).to_json()


def patience(limits: TrialLimits) -> float:
    return PATIENCE_FLOOR + _PATIENCE * (limits.seconds + limits.metric_seconds)


def without_marks(outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    return tuple(output for output in outputs if BOUNDARY not in output.get("data", {}))


def trial_of(
    report: dict[str, Any], outputs: tuple[Output, ...], guard: Guard, before: float | None, seconds: float
) -> Trial:
    failure, measured = report.get("error"), report.get("metric") or {}
    cheated = bool(measured.get("cheated"))
    return Trial(
        status=TrialStatus.BLOCKED if cheated else TrialStatus(report["status"]),
        metric_before=before,
        metric_after=measured.get("value"),
        cheated=cheated,
        outputs=outputs,
        error=failure
        and TrialError(name=failure["ename"], value=failure["evalue"], traceback=tuple(failure["traceback"])),
        seconds=report.get("seconds", 0.0),
        total_seconds=seconds,
        peak_memory_bytes=report.get("peak_memory_bytes"),
        engine=TryEngine.FORK,
        guard=guard,
        reason=" ".join(filter(None, (report.get("reason", ""), measured.get("reason", "")))),
        audit_seconds=measured.get("audit_seconds", 0.0),
    )
