"""Which of a search's states are alive, and how the others come back.

A state is named by what was run to get there from the notebook as it stood: the sources of the steps, in
order. Over a limit the state used longest ago ends that nothing alive grew from; whoever asks for it again
gets it by replay from its nearest living ancestor, and does not see the difference.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.records import Metric, Trial, TrialStatus, Variable
from jupyter_mlagent.trial.api import MetricReading, TrialLimits
from jupyter_mlagent.trial.live_tree import Opened, Tried
from jupyter_mlagent.trial.outputs import Output

Answer = TypeVar("Answer")

FIRST: tuple[str, ...] = ()
"""The name of the notebook as it stood."""


class StateHost(Protocol):
    """What holds the processes: `LiveTree`, once it has started."""

    @property
    def alive(self) -> bool: ...

    async def open(self, node: str, sources: tuple[str, ...], limits: TrialLimits) -> Opened: ...

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
    ) -> Tried: ...

    async def read_metric(self, node: str, metric: Metric, limits: TrialLimits) -> MetricReading: ...

    async def variables(self, node: str) -> tuple[Variable, ...]: ...

    async def drop(self, node: str) -> None: ...

    async def close(self) -> None: ...


@dataclass
class _Living:
    name: str
    used: int
    borrowed: int = 0


class LiveStates:
    """Raises KernelError from every method when a state can neither be found nor brought back."""

    def __init__(
        self,
        start_host: Callable[[], Awaitable[StateHost]],
        notebook: tuple[str, ...],
        limits: TrialLimits,
        *,
        most: int = 24,
    ) -> None:
        """`notebook`: sources that make the first state; `most`: states alive at the same time."""
        self._start_host = start_host
        self._notebook = notebook
        self._limits = limits
        self._most = max(2, most)
        self._host: StateHost | None = None
        self._living: dict[tuple[str, ...], _Living] = {}
        self._clock = itertools.count()
        self._bringing = asyncio.Lock()
        self.replays = 0
        """Cells run again to bring a state back, and whole notebooks."""

    def __len__(self) -> int:
        return len(self._living)

    async def variables(self, sources: tuple[str, ...]) -> tuple[Variable, ...]:
        return await self._asked(sources, lambda host, name: host.variables(name))

    async def read_metric(self, sources: tuple[str, ...], metric: Metric) -> MetricReading:
        return await self._asked(sources, lambda host, name: host.read_metric(name, metric, self._limits))

    async def _asked(
        self, sources: tuple[str, ...], ask: Callable[[StateHost, str], Awaitable[Answer]]
    ) -> Answer:
        """Asked once more where the state had ended meanwhile: one that is gone says nothing of itself."""
        async with self._borrowed(sources) as (host, name):
            with contextlib.suppress(KernelError):
                return await ask(host, name)
        if host is self._host:
            await self._forget(sources)
        async with self._borrowed(sources) as (host, name):
            return await ask(host, name)

    async def try_cell(
        self,
        sources: tuple[str, ...],
        code: str,
        metric: Metric | None,
        *,
        metric_before: float | None = None,
        on_output: Callable[[Output], None] | None = None,
    ) -> Trial:
        """Run a cell in a fork of a state; where it ends well, the fork lives on as the next state.

        Tried once more where the state had ended meanwhile, or where memory was short and ending states
        that nobody works in gave some back.
        """
        once_more = True
        while True:
            async with self._borrowed(sources) as (host, name):
                tried = await self._fork(host, name, sources, code, metric, metric_before, on_output)
                short = tried.trial.status is TrialStatus.OUT_OF_MEMORY
                freed = once_more and short and await self._evict(most=1)
            if not once_more or not (tried.gone or freed):
                return tried.trial
            if tried.gone and host is self._host:
                await self._forget(sources)
            once_more = False

    async def close(self) -> None:
        host, self._host = self._host, None
        self._living = {}
        if host is not None:
            await host.close()

    async def _fork(
        self,
        host: StateHost,
        name: str,
        sources: tuple[str, ...],
        code: str,
        metric: Metric | None,
        before: float | None,
        on_output: Callable[[Output], None] | None = None,
    ) -> Tried:
        await self._evict(self._most)
        made = f"state-{next(self._clock)}"
        try:
            tried = await host.try_cell(
                name, code, metric, self._limits, metric_before=before, keep_as=made, on_output=on_output
            )
        except BaseException:
            await host.drop(made)
            raise
        if tried.kept:
            following = (*sources, code)
            if host is not self._host or following in self._living:
                await host.drop(made)
            else:
                self._living[following] = _Living(made, next(self._clock))
        return tried

    @asynccontextmanager
    async def _borrowed(self, sources: tuple[str, ...]) -> AsyncIterator[tuple[StateHost, str]]:
        """A state that does not end while it is worked in."""
        async with self._bringing:
            host = await self._ensure(sources)
            living = self._living[sources]
            living.borrowed += 1
        try:
            yield host, living.name
        finally:
            living.borrowed -= 1
            living.used = next(self._clock)

    async def _ensure(self, sources: tuple[str, ...]) -> StateHost:
        if self._host is None or not self._host.alive:
            await self._open()
        assert self._host is not None
        host = self._host
        done = next(end for end in range(len(sources), -1, -1) if sources[:end] in self._living)
        for end in range(done, len(sources)):
            above = self._living[sources[:end]]
            above.borrowed += 1
            try:
                tried = await self._fork(host, above.name, sources[:end], sources[end], None, None)
            finally:
                above.borrowed -= 1
            if not tried.kept or sources[: end + 1] not in self._living:
                raise KernelError(f"A step of the search did not run again ({_why(tried.trial)}).")
            self.replays += 1
        return host

    async def _open(self) -> None:
        await self.close()
        host = await self._start_host()
        try:
            opened = await host.open("first", self._notebook, self._limits)
            if opened.unsafe:
                raise KernelError(f"The notebook's state cannot be kept alive: {opened.unsafe}")
        except BaseException:
            await host.close()
            raise
        self.replays += 1
        self._host = host
        self._living = {FIRST: _Living("first", next(self._clock))}

    async def _evict(self, most: int) -> bool:
        """End states used longest ago until fewer than `most` are alive; whether any could be ended."""
        ended = False
        while len(self._living) >= most:
            grown_from = {sources[:-1] for sources in self._living if sources}
            idle = [
                (living.used, sources)
                for sources, living in self._living.items()
                if sources and not living.borrowed and sources not in grown_from
            ]
            if not idle:
                break
            await self._forget(min(idle)[1])
            ended = True
        return ended

    async def _forget(self, sources: tuple[str, ...]) -> None:
        """End a state and what grew from it."""
        host, living = self._host, self._living.get(sources)
        for each in [each for each in self._living if each[: len(sources)] == sources]:
            del self._living[each]  # before anything is awaited: nobody may borrow them any more
        if not sources:
            await self.close()
        elif living is not None and host is not None:
            await host.drop(living.name)


def _why(trial: Trial) -> str:
    if trial.error is not None:
        return f"{trial.error.name}: {trial.error.value}"
    return trial.reason if trial.status is TrialStatus.OK else f"{trial.status.value}. {trial.reason}".strip()
