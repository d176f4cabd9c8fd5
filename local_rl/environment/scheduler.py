"""Who may run now: cores, memory and GPUs of one machine, lent to work in the order it asked."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Record

RESERVE_BYTES = 1 << 30
"""Memory that stays free for everything else on the machine."""
_LOOK_SECONDS = 0.2


class Demand(Record):
    cores: int = 1
    memory_bytes: int = 256 << 20
    """What the work is expected to take beyond what it shares with its state."""
    gpus: int = 0


class Scheduler:
    """First come, first served; nothing overtakes, so that a large demand is not starved by small ones.

    Memory counts twice: what is lent here may not exceed the budget, and the machine must have it free now.
    """

    def __init__(
        self,
        *,
        cores: int | None = None,
        memory_bytes: int | None = None,
        gpus: int = 0,
        free_memory: Callable[[], int] | None = None,
    ) -> None:
        """None: all cores; all memory that is free but `RESERVE_BYTES`. `free_memory`: bytes free now."""
        self._free_memory = free_memory or _free_memory
        self.cores = cores or os.cpu_count() or 1
        self.memory_bytes = memory_bytes or max(self._free_memory() - RESERVE_BYTES, RESERVE_BYTES)
        self.gpus = gpus
        self._lent = Demand(cores=0, memory_bytes=0)
        self._waiting: deque[object] = deque()
        self._changed = asyncio.Condition()

    @property
    def lent(self) -> Demand:
        return self._lent

    @asynccontextmanager
    async def slot(self, demand: Demand | None = None) -> AsyncIterator[None]:
        """Wait for what `demand` names and hold it. Raises MlagentError for more than there is at all."""
        wanted = demand or Demand()
        if wanted.cores > self.cores or wanted.memory_bytes > self.memory_bytes or wanted.gpus > self.gpus:
            raise MlagentError(
                f"A step asks for {wanted.cores} cores, {wanted.memory_bytes / 1e9:.1f} GB and {wanted.gpus} "
                f"GPUs, but there are {self.cores}, {self.memory_bytes / 1e9:.1f} GB and {self.gpus}."
            )
        await self._take(wanted)
        try:
            yield
        finally:
            self._lent = _sum(self._lent, wanted, -1)
            async with self._changed:
                self._changed.notify_all()

    async def _take(self, wanted: Demand) -> None:
        ticket = object()
        self._waiting.append(ticket)
        try:
            async with self._changed:
                while self._waiting[0] is not ticket or not self._fits(wanted):
                    try:
                        await asyncio.wait_for(self._changed.wait(), _LOOK_SECONDS)
                    except TimeoutError:  # memory comes back without anybody here noticing
                        continue
                self._lent = _sum(self._lent, wanted, 1)
        finally:
            self._waiting.remove(ticket)
        async with self._changed:
            self._changed.notify_all()

    def _fits(self, wanted: Demand) -> bool:
        after = _sum(self._lent, wanted, 1)
        lent_all = after.cores <= self.cores and after.gpus <= self.gpus
        if not lent_all or after.memory_bytes > self.memory_bytes:
            return False
        alone = self._lent.cores == 0  # with nothing else running, waiting would free nothing
        return alone or self._free_memory() >= wanted.memory_bytes + RESERVE_BYTES


def _sum(one: Demand, other: Demand, sign: int) -> Demand:
    return Demand(
        cores=one.cores + sign * other.cores,
        memory_bytes=one.memory_bytes + sign * other.memory_bytes,
        gpus=one.gpus + sign * other.gpus,
    )


def _free_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().available)
