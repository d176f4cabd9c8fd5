"""Trials in copies of one kernel: starts them through a link, follows them, and tells what happened."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.records import (
    FileEffect,
    Guard,
    Metric,
    SideEffects,
    Trial,
    TrialStatus,
    TryEngine,
    Variable,
)
from jupyter_mlagent.trial.api import KernelLink, MetricReading, Probe, TrialLimits
from jupyter_mlagent.trial.choice import ELSEWHERE, choose
from jupyter_mlagent.trial.fresh import FreshProcess
from jupyter_mlagent.trial.inject import call
from jupyter_mlagent.trial.outputs import OutputList
from jupyter_mlagent.trial.reports import ReportPipe, private_folder
from jupyter_mlagent.trial.translation import trial_of, trial_spec

_PATIENCE, _PATIENCE_FLOOR = 5.0, 180.0
CANCELLED = "The trial was cancelled."
LOST = "The copy of the kernel ended without a report."
UNGUARDED = "No guard works here ({reason}), and nobody allowed a trial without one."


class KernelTrials:
    """`TrialRunner` over a link to one kernel on this machine."""

    def __init__(self, link: KernelLink) -> None:
        self._link = link
        self._guard: tuple[Guard, str] | None = None
        self._same_machine: bool | None = None
        self._pipe: ReportPipe | None = None
        self._reaping: asyncio.Task[None] | None = None
        self._fresh = FreshProcess()

    async def probe(self) -> Probe:
        with private_folder() as folder:
            nonce = secrets.token_hex(16)
            (folder / "nonce").write_text(nonce)
            found = await call(self._link, "probe", {"folder": str(folder)})
        self._same_machine = found["nonce"] == nonce
        engine, why = choose(unsafe_to_fork=found["unsafe"], same_machine=self._same_machine)
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

    async def surroundings(self) -> dict[str, Any]:
        """What a process needs to become equal to the kernel: interpreter, environment, `replay.State`."""
        return await call(self._link, "surroundings", {})

    async def read_metric(self, metric: Metric, limits: TrialLimits) -> MetricReading:
        guard, _ = await self._guard_here()
        done = await self._run(_Request(None, metric, None, limits, guard), lambda _: None)
        found = done.report.get("metric") or {}
        return MetricReading(value=found.get("value"), reason=found.get("reason") or done.report["reason"])

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

        done = await self._run(_Request(code, metric, metric_before, limits, guard), take)
        return _trial(done, outputs, guard, metric_before, time.perf_counter() - began)

    async def prepare(
        self, metric: Metric | None, limits: TrialLimits, *, allow_unguarded: bool = False
    ) -> None:
        """A kernel that cannot be asked now, or not be forked, is left as it is."""
        with contextlib.suppress(KernelError):
            guard, _ = await self._guard_here()
            if await self._is_same_machine() and (guard is not Guard.NONE or allow_unguarded):
                await self._reaped()
                spec = trial_spec(None, metric, None, limits, tier=guard.value)
                await call(self._link, "prepare", {"spec": spec})

    async def release(self) -> None:
        """Returns at once: the kernel may be at work by now, and what waits ends then by itself."""
        await self._reaped()
        self._reaping = asyncio.create_task(self._end_ready())

    async def cancel(self) -> None:
        if self._pipe is not None:
            self._pipe.abandon()

    async def close(self) -> None:
        await self.cancel()
        await self._reaped()
        await self._fresh.close()

    async def _guard_here(self) -> tuple[Guard, str]:
        if self._guard is None:
            found = await call(self._link, "available_guard", {})
            self._guard = Guard(found["tier"]), found["reason"]
        return self._guard

    async def _is_same_machine(self) -> bool:
        if self._same_machine is None:
            await self.probe()
        return bool(self._same_machine)

    async def _run(self, request: _Request, take: Callable[[dict[str, Any]], None]) -> _Done:
        """Serve a request with the best engine that is safe now."""
        if not await self._is_same_machine():
            return await self._check(request, ELSEWHERE)
        await self._reaped()
        with ReportPipe() as pipe:
            self._pipe = pipe
            try:
                spec = request.spec(pipe.path)
                started = await call(self._link, "start", {"spec": spec})
                if "pid" in started:
                    async with asyncio.timeout(request.patience):
                        report = await _follow(pipe, take)
                    engine, why = TryEngine.FORK, ""
                else:
                    engine, why = choose(unsafe_to_fork=started["unsafe"], same_machine=True)
                    if engine is TryEngine.STATIC:
                        return await self._check(request, why)
                    surroundings = await call(self._link, "surroundings", {})
                    await self._fresh.request(spec, surroundings, request.sources, self._link.python)
                    report = await _follow(pipe, take)
            except TimeoutError:
                report, engine, why = {"status": "not_tried", "reason": LOST}, TryEngine.FORK, ""
            finally:
                self._pipe = None
        if "pid" in started and not started.get("ready"):
            self._reaping = asyncio.create_task(self._reap(started["pid"]))
        return _Done(report, engine, why)

    async def _reap(self, pid: int) -> None:
        """See the supervisor's end, which comes a little after its report."""
        with contextlib.suppress(KernelError, asyncio.TimeoutError):
            await call(self._link, "reap", {"pid": pid})

    async def _end_ready(self) -> None:
        with contextlib.suppress(KernelError, asyncio.TimeoutError):
            found = await call(self._link, "release", {})
            if found["pid"] is not None:
                await self._reap(found["pid"])

    async def _reaped(self) -> None:
        reaping, self._reaping = self._reaping, None
        if reaping is not None:
            await asyncio.wait({reaping})

    async def _check(self, request: _Request, why: str) -> _Done:
        """The static engine: the kernel compiles the cell and looks its names up, and nothing runs."""
        found = await call(self._link, "check", {"code": request.code or ""})
        reason = f"{why} {found['problem'] or 'The cell compiles and its names are known.'}"
        return _Done({"status": "not_tried", "reason": reason}, TryEngine.STATIC, "")


@dataclass(frozen=True)
class _Request:
    code: str | None
    metric: Metric | None
    before: float | None
    limits: TrialLimits
    guard: Guard

    @property
    def sources(self) -> list[str]:
        """What will be run."""
        metric = self.metric.expression if self.metric is not None else None
        return [source for source in (self.code, metric) if source]

    @property
    def patience(self) -> float:
        """Seconds after which a supervisor, which keeps limits of its own, counts as lost."""
        return _PATIENCE_FLOOR + _PATIENCE * (self.limits.seconds + self.limits.metric_seconds)

    def spec(self, fifo: Path) -> str:
        return trial_spec(
            self.code, self.metric, self.before, self.limits, fifo=str(fifo), tier=self.guard.value
        )


@dataclass(frozen=True)
class _Done:
    """A supervisor's report, the engine that gave it, and why that one where it is not the fastest."""

    report: dict[str, Any]
    engine: TryEngine
    why: str


async def _follow(pipe: ReportPipe, take: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    while True:
        message = await pipe.next()
        if message is None:
            return {"status": "not_tried", "reason": CANCELLED if pipe.abandoned else LOST}
        if message["kind"] == "output":
            take(message["output"])
        elif message["kind"] == "report":
            return message


def _trial(
    done: _Done, outputs: OutputList, guard: Guard, metric_before: float | None, total_seconds: float
) -> Trial:
    trial = trial_of(done.report, outputs.all(), guard, metric_before, total_seconds)
    return msgspec.structs.replace(
        trial,
        engine=done.engine,
        reason=" ".join(filter(None, (trial.reason, done.why))),
        side_effects=_side_effects(done.report),
        replay_seconds=done.report.get("replay_seconds", 0.0),
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
