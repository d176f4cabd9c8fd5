"""The host's hold on a tree of live states: processes that hold what some cells made, and fork trials."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.records import (
    Guard,
    Metric,
    Record,
    Trial,
    Variable,
)
from jupyter_mlagent.trial.api import MetricReading, TrialLimits
from jupyter_mlagent.trial.inject import bundle
from jupyter_mlagent.trial.live_wire import PATIENCE_FLOOR, patience, tree_limits, without_marks
from jupyter_mlagent.trial.outputs import Output, OutputList
from jupyter_mlagent.trial.process import end, line, program
from jupyter_mlagent.trial.reports import ReportPipe
from jupyter_mlagent.trial.translation import trial_of, trial_spec
from mlagent_kernel import wire
from mlagent_kernel.replay import BOUNDARY

_LINE_BYTES = 16 << 20
REPLAY_SECONDS = 1800.0
LOST = "The tree of states ended without a report."
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Opened(Record):
    """A first node: what each cell showed, and how long the replay took."""

    outputs: tuple[tuple[dict[str, Any], ...], ...]
    seconds: float
    guard: Guard
    unsafe: str = ""
    """Why the state cannot be forked; empty when it can."""


class Tried(Record):
    trial: Trial
    kept: bool = False
    """The trial's process lives on under the name that was asked for."""
    gone: bool = False
    """There is no such node any more: nothing was tried."""


class LiveTree:
    """Start it, `open` its first node, then try cells in any node, in parallel; everything ends with `close`.

    Raises KernelError when its process cannot be started or is lost.
    """

    def __init__(
        self,
        workspace: Path,
        *,
        surroundings: dict[str, Any] | None = None,
        wrap: Callable[[list[str]], list[str]] = list,
        hash_seed: str = "0",
        threads: int | None = None,
        memory_bytes: int | None = None,
        allow_unguarded: bool = False,
    ) -> None:
        """`workspace`: where cells run. `surroundings`: of the kernel whose state is made anew; None: ours.

        `wrap` makes the command line that is started of the plain one. `hash_seed`: of Python's hashes, the
        same for every tree, so that a replay gives what the first run gave. `threads`: for OpenMP and BLAS.
        `memory_bytes`: what the whole tree may hold; None: half of what the machine has free.
        """
        self._workspace = workspace
        self._surroundings = surroundings
        self._wrap = wrap
        self._hash_seed = hash_seed
        self._threads = threads
        self._memory_bytes = memory_bytes
        self._allow_unguarded = allow_unguarded
        self._process: asyncio.subprocess.Process | None = None
        self._guard = Guard.NONE

    async def start(self) -> None:
        command = self._wrap([self._program, "-c", program("tree")])
        environ = {**self._environ, "PYTHONHASHSEED": self._hash_seed}
        if self._threads is not None:
            environ |= dict.fromkeys(THREAD_VARIABLES, str(self._threads))
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=environ,
                cwd=self._workspace,
                start_new_session=True,
                limit=_LINE_BYTES,
            )
        except OSError as error:
            raise KernelError(f"The process for live states could not be started ({error}).") from error
        sources = bundle()
        await self._send([sources.package, sources.sources])

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def process_id(self) -> int | None:
        """Of the tree's root; None before `start` and after `close`."""
        return None if self._process is None else self._process.pid

    @property
    def _program(self) -> str:
        return sys.executable if self._surroundings is None else str(self._surroundings["python"])

    @property
    def _environ(self) -> dict[str, str]:
        if self._surroundings is None:
            return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        return dict(self._surroundings["environ"])

    @property
    def _paths(self) -> dict[str, Any]:
        """Where the kernel imports from, and what IPython ran as it started."""
        known = {} if self._surroundings is None else self._surroundings["state"]
        return {name: known[name] for name in ("path", "startup") if name in known}

    async def open(self, node: str, sources: tuple[str, ...], limits: TrialLimits) -> Opened:
        """Replay `sources` as the node `node`. Raises KernelError when a cell raises or no guard works."""
        around = tree_limits(limits, self._memory_bytes)
        whole = wire.TrialSpec(fifo="", code=None, limits=around, tier="none")
        state = {**self._paths, "history": list(sources), "cwd": str(self._workspace), "whole": True}
        shown: list[OutputList] = []

        def take(output: Output) -> None:
            if BOUNDARY in output.get("data", {}):
                shown.append(OutputList())
            elif shown:
                shown[-1].add(output)

        request = {
            "do": "open",
            "node": node,
            "state": state,
            "spec": whole.to_json(),
            "allow_unguarded": self._allow_unguarded,
        }
        report = await self._request(request, REPLAY_SECONDS, take)
        if "seconds" not in report:
            raise KernelError(report.get("failed") or report.get("reason") or LOST)
        self._guard = Guard(report["tier"])
        outputs = tuple(without_marks(found.all()) for found in shown)
        return Opened(
            outputs=outputs, seconds=report["seconds"], guard=self._guard, unsafe=report.get("unsafe", "")
        )

    async def try_cell(
        self,
        node: str,
        code: str,
        metric: Metric | None,
        limits: TrialLimits,
        *,
        metric_before: float | None = None,
        keep_as: str = "",
        on_output: Callable[[Output], None] | None = None,
    ) -> Tried:
        """Run `code` in a fork of a node; `keep_as`: it lives on under that name if it ended well."""
        began = time.perf_counter()
        outputs = OutputList()

        def take(output: Output) -> None:
            shown = outputs.add(output)
            if shown is not None and on_output is not None:
                on_output(shown)

        spec = trial_spec(code, metric, metric_before, limits)
        request = {"do": "try", "node": node, "spec": spec, "keep_as": keep_as}
        report = await self._request(request, patience(limits), take)
        kept = bool(report.get("kept"))
        if keep_as and not kept:
            await self.drop(keep_as)
        trial = trial_of(report, outputs.all(), self._guard, metric_before, time.perf_counter() - began)
        return Tried(trial=trial, kept=kept, gone=bool(report.get("gone")))

    async def read_metric(self, node: str, metric: Metric, limits: TrialLimits) -> MetricReading:
        """The metric in a node as it stands. Raises KernelError when the node is gone."""
        request = {"do": "try", "node": node, "spec": trial_spec(None, metric, None, limits)}
        report = await self._request(request, patience(limits), lambda _: None)
        if report.get("gone"):
            raise KernelError(LOST)
        found = report.get("metric") or {"reason": report.get("reason") or LOST}
        return MetricReading(value=found.get("value"), reason=found.get("reason", ""))

    async def variables(self, node: str) -> tuple[Variable, ...]:
        """Raises KernelError when the node is gone: no variables would say that it has none."""
        report = await self._request({"do": "probe", "node": node}, PATIENCE_FLOOR, lambda _: None)
        if "variables" not in report:
            raise KernelError(LOST)
        return msgspec.convert(report["variables"], tuple[Variable, ...])

    async def drop(self, node: str) -> None:
        """End a node and all that grew from it; harmless when it is gone."""
        with contextlib.suppress(KernelError):
            await self._send({"do": "drop", "node": node})

    async def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        await end(process)

    async def _request(self, request: dict[str, Any], seconds: float, take: Any) -> dict[str, Any]:
        with ReportPipe() as pipe:
            fifo = str(pipe.path)
            if "spec" in request:
                request = {**request, "spec": json.dumps({**json.loads(request["spec"]), "fifo": fifo})}
            await self._send({**request, "fifo": fifo})
            watching = asyncio.create_task(self._watch(pipe))
            try:
                async with asyncio.timeout(seconds):
                    while (message := await pipe.next()) is not None:
                        if message["kind"] == "output":
                            take(message["output"])
                        elif message["kind"] == "report":
                            return message
            except TimeoutError:
                return {"status": "not_tried", "reason": LOST, "gone": True}
            finally:
                watching.cancel()
        return {"status": "not_tried", "reason": LOST, "gone": True}

    async def _watch(self, pipe: ReportPipe) -> None:
        """A tree that ends cannot report: whoever waits for it hears of that here."""
        if self._process is not None:
            await self._process.wait()
        pipe.abandon()

    async def _send(self, value: object) -> None:
        if self._process is None or self._process.returncode is not None:
            raise KernelError(LOST)
        assert self._process.stdin is not None
        self._process.stdin.write(line(value))
        try:
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise KernelError(LOST) from error
