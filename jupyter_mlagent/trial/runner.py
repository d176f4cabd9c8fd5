"""Trials in copies of one kernel: starts them through a link, follows them, and tells what happened."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Any

from mlagent_kernel import wire

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.records import (
    Direction,
    FileEffect,
    Guard,
    Metric,
    SideEffects,
    Trial,
    TrialError,
    TrialStatus,
    TryEngine,
    Variable,
)
from jupyter_mlagent.trial.api import KernelLink, MetricReading, Probe, TrialLimits
from jupyter_mlagent.trial.choice import choose
from jupyter_mlagent.trial.inject import call
from jupyter_mlagent.trial.outputs import OutputList
from jupyter_mlagent.trial.reports import ReportPipe, private_folder

CANCELLED = "The trial was cancelled."
LOST = "The copy of the kernel ended without a report."
UNGUARDED = "No guard works here ({reason}), and nobody allowed a trial without one."


class KernelTrials:
    """`TrialRunner` over a link to one kernel on this machine."""

    def __init__(self, link: KernelLink) -> None:
        self._link = link
        self._guard: tuple[Guard, str] | None = None
        self._pipe: ReportPipe | None = None

    async def probe(self) -> Probe:
        with private_folder() as folder:
            nonce = secrets.token_hex(16)
            (folder / "nonce").write_text(nonce)
            found = await call(self._link, "probe", {"folder": str(folder)})
        engine, why = choose(unsafe_to_fork=found["unsafe"], same_machine=found["nonce"] == nonce)
        guard, guard_why = await self._guard_here()
        return Probe(
            python=found["python"],
            python_version=found["python_version"],
            pid=found["pid"],
            cwd=found["cwd"],
            execution_count=found["execution_count"],
            variables=tuple(Variable(**variable) for variable in found["variables"]),
            engine=engine,
            engine_reason=why,
            guard=guard,
            guard_reason=guard_why,
            history=tuple(found["history"]),
        )

    async def read_metric(self, metric: Metric, limits: TrialLimits) -> MetricReading:
        guard, _ = await self._guard_here()
        report = await self._run(None, metric, None, limits, guard, lambda _: None)
        found = report.get("metric") or {}
        return MetricReading(value=found.get("value"), reason=found.get("reason") or report["reason"])

    async def try_cell(
        self,
        code: str,
        metric: Metric | None,
        limits: TrialLimits,
        *,
        metric_before: float | None = None,
        allow_unguarded: bool = False,
        on_output: Callable[[dict[str, Any]], None] | None = None,
    ) -> Trial:
        began = time.perf_counter()
        guard, why = await self._guard_here()
        if guard is Guard.NONE and not allow_unguarded:
            return Trial(
                status=TrialStatus.NOT_TRIED,
                metric_before=metric_before,
                engine=TryEngine.FORK,
                guard=guard,
                reason=UNGUARDED.format(reason=why.rstrip(".")),
            )
        outputs = OutputList()

        def take(output: dict[str, Any]) -> None:
            shown = outputs.add(output)
            if shown is not None and on_output is not None:
                on_output(shown)

        report = await self._run(code, metric, metric_before, limits, guard, take)
        return _trial(report, outputs, guard, metric_before, time.perf_counter() - began)

    async def cancel(self) -> None:
        if self._pipe is not None:
            self._pipe.abandon()

    async def close(self) -> None:
        await self.cancel()

    async def _guard_here(self) -> tuple[Guard, str]:
        if self._guard is None:
            found = await call(self._link, "available_guard", {})
            self._guard = Guard(found["tier"]), found["reason"]
        return self._guard

    async def _run(
        self,
        code: str | None,
        metric: Metric | None,
        before: float | None,
        limits: TrialLimits,
        guard: Guard,
        take: Callable[[dict[str, Any]], None],
    ) -> dict[str, Any]:
        """The supervisor's report on one request."""
        with ReportPipe() as pipe:
            spec = wire.TrialSpec(
                fifo=str(pipe.path),
                code=code,
                limits=wire.Limits(**{name: getattr(limits, name) for name in limits.__struct_fields__}),
                tier=guard.value,
                metric=_metric_spec(metric, before),
            )
            self._pipe = pipe
            try:
                started = await call(self._link, "start", {"spec": spec.to_json()})
                report = await _follow(pipe, take)
            finally:
                self._pipe = None
        with contextlib.suppress(KernelError, asyncio.TimeoutError):
            await call(self._link, "reap", {"pid": started["pid"]})
        return report


def _metric_spec(metric: Metric | None, before: float | None) -> wire.MetricSpec | None:
    if metric is None:
        return None
    return wire.MetricSpec(metric.expression, metric.direction is Direction.MAXIMIZE, before)


async def _follow(pipe: ReportPipe, take: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    while True:
        message = await pipe.next()
        if message is None:
            return {"status": "not_tried", "reason": LOST}
        if message["kind"] == "output":
            take(message["output"])
        elif message["kind"] == "report":
            return message


def _trial(
    report: dict[str, Any],
    outputs: OutputList,
    guard: Guard,
    metric_before: float | None,
    total_seconds: float,
) -> Trial:
    failure = report.get("error")
    measured = report.get("metric") or {}
    cheated = bool(measured.get("cheated"))
    return Trial(
        status=TrialStatus.BLOCKED if cheated else TrialStatus(report["status"]),
        metric_before=metric_before,
        metric_after=measured.get("value"),
        cheated=cheated,
        outputs=outputs.all(),
        error=None
        if failure is None
        else TrialError(
            name=failure["ename"], value=failure["evalue"], traceback=tuple(failure["traceback"])
        ),
        seconds=report.get("seconds", 0.0),
        total_seconds=total_seconds,
        peak_memory_bytes=report.get("peak_memory_bytes"),
        engine=TryEngine.FORK,
        guard=guard,
        reason=report["reason"] or measured.get("reason", ""),
        side_effects=_side_effects(report),
    )


def _side_effects(report: dict[str, Any]) -> SideEffects:
    observations = report.get("observations", {})
    return SideEffects(
        files=tuple(
            FileEffect(path=file["path"], change=file["change"], bytes=file["bytes"])
            for file in report.get("effects", {}).get("files", ())
        ),
        network=tuple(observations.get("network", ())),
        blocked=tuple(observations.get("refused", ())),
    )
