"""Requests for trials and their reports, between records and the wire."""

from __future__ import annotations

from typing import Any

from jupyter_mlagent.records import Direction, Guard, Metric, Trial, TrialError, TrialStatus, TryEngine
from jupyter_mlagent.trial.api import TrialLimits
from jupyter_mlagent.trial.outputs import Output
from mlagent_kernel import wire


def trial_spec(
    code: str | None,
    metric: Metric | None,
    before: float | None,
    limits: TrialLimits,
    *,
    fifo: str = "",
    tier: str = "none",
) -> str:
    """`fifo`: where the report is to go; `tier`: of the guard, `none` within one."""
    given = {name: getattr(limits, name) for name in limits.__struct_fields__}
    measured = (
        None
        if metric is None
        else wire.MetricSpec(metric.expression, metric.direction is Direction.MAXIMIZE, before)
    )
    return wire.TrialSpec(
        fifo=fifo, code=code, limits=wire.Limits(**given), tier=tier, metric=measured
    ).to_json()


def trial_of(
    report: dict[str, Any], outputs: tuple[Output, ...], guard: Guard, before: float | None, seconds: float
) -> Trial:
    """A trial in a fork, as far as every report tells of it."""
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
