"""Given cores, memory and GPUs, then no more than there is is lent, in the order it was asked for."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.errors import MlagentError
from local_rl.environment.scheduler import RESERVE_BYTES, Demand, Scheduler

GIGABYTE = 1 << 30
demands = st.builds(
    Demand,
    cores=st.integers(0, 4),
    memory_bytes=st.integers(0, 4 * GIGABYTE),
    gpus=st.integers(0, 1),
)


@settings(max_examples=40, deadline=None)
@given(wanted=st.lists(demands, min_size=1, max_size=12))
def test_never_more_is_lent_than_there_is_and_everybody_is_served(wanted: list[Demand]) -> None:
    async def run() -> int:
        scheduler = Scheduler(cores=4, memory_bytes=4 * GIGABYTE, gpus=1, free_memory=lambda: 64 * GIGABYTE)
        served = 0

        async def work(demand: Demand) -> None:
            nonlocal served
            async with scheduler.slot(demand):
                lent = scheduler.lent
                assert lent.cores <= 4 and lent.gpus <= 1 and lent.memory_bytes <= 4 * GIGABYTE
                await asyncio.sleep(0)
                served += 1

        await asyncio.gather(*(work(demand) for demand in wanted))
        assert scheduler.lent == Demand(cores=0, memory_bytes=0)
        return served

    assert asyncio.run(run()) == len(wanted)


async def test_nothing_overtakes_a_large_demand() -> None:
    scheduler = Scheduler(cores=2, memory_bytes=GIGABYTE, free_memory=lambda: 64 * GIGABYTE)
    order: list[str] = []

    async def work(name: str, cores: int) -> None:
        async with scheduler.slot(Demand(cores=cores)):
            order.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(work("first", 1), work("large", 2), work("small", 1))

    assert order == ["first", "large", "small"]


async def test_work_waits_while_the_machine_has_no_memory() -> None:
    free = [8 * GIGABYTE]
    scheduler = Scheduler(cores=4, memory_bytes=8 * GIGABYTE, free_memory=lambda: free[0])
    async with scheduler.slot(Demand(memory_bytes=GIGABYTE)):
        free[0] = RESERVE_BYTES
        waiting = asyncio.create_task(scheduler.slot(Demand(memory_bytes=GIGABYTE)).__aenter__())
        done, _ = await asyncio.wait({waiting}, timeout=0.05)
        assert not done
        free[0] = 8 * GIGABYTE
        await waiting


async def test_what_can_never_be_had_is_refused() -> None:
    with pytest.raises(MlagentError, match="asks for 3 cores"):
        async with Scheduler(cores=2).slot(Demand(cores=3)):
            pass
