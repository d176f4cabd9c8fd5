"""Closing the stream ends the work at once, wherever it was, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
import pytest_asyncio

from jupyter_mlagent.engine.api import PromptRead, TextDelta
from jupyter_mlagent.engine.local import LlamaEngine
from jupyter_mlagent.engine.status import EngineState

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

LONG = "Readings: " + ", ".join(str(number * 37 % 1013) for number in range(600))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(small_model):
    engine = LlamaEngine(small_model, context_tokens=8192)
    await engine.start()
    yield engine
    await engine.close()


async def state(engine: LlamaEngine, wanted: EngineState) -> None:
    reached = asyncio.Event()
    unwatch = engine.watch(lambda status: reached.set() if status.state is wanted else None)
    await reached.wait()
    unwatch()


async def test_in_the_middle_of_sampling(engine, ask, make_request):
    base = await ask(engine, max_tokens=8)
    stream = engine.generate(make_request(max_tokens=4000, n=4, temperature=1.5, grammar="root ::= [a-z]*"))
    async for event in stream:
        if isinstance(event, TextDelta):
            break
    await stream.aclose()
    await state(engine, EngineState.READY)
    assert (await ask(engine, max_tokens=8)).samples == base.samples


async def test_in_the_middle_of_the_prompt(engine, ask, make_request):
    """The consumer is cancelled while the prompt is read. What was evaluated by then is kept; that it is not
    the whole prompt proves that the evaluation was cut short."""
    await engine.load_adapter(None)
    stream = engine.generate(make_request(LONG, cache_key="long"))
    reading = asyncio.create_task(anext(stream))
    await state(engine, EngineState.GENERATING)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await state(engine, EngineState.READY)
    again = await ask(engine, LONG, cache_key="long", max_tokens=4)
    assert again.read.prompt_tokens > 1500
    assert again.read.cached_tokens < again.read.prompt_tokens - 500
    await engine.load_adapter(None)
    assert (await ask(engine, LONG, max_tokens=4)).samples == again.samples


async def test_while_it_still_waits_for_its_turn(engine, ask, make_request):
    first = engine.generate(make_request(max_tokens=40, cache_key="one"))
    assert isinstance(await anext(first), PromptRead)
    waiting = asyncio.create_task(anext(engine.generate(make_request(cache_key="two"))))
    await asyncio.sleep(0)
    waiting.cancel()
    async for _ in first:
        pass
    assert (await ask(engine, cache_key="three")).samples


async def test_the_next_in_turn_starts_only_when_the_cancelled_one_has_let_go(engine, ask, make_request):
    base = await ask(engine, cache_key="two")
    stream = engine.generate(make_request(max_tokens=3000, cache_key="one"))
    await anext(stream)
    next_one = asyncio.create_task(ask(engine, cache_key="two"))
    await asyncio.sleep(0)
    await stream.aclose()
    assert (await next_one).samples == base.samples


async def test_an_embedding_can_be_cancelled_too(engine, ask):
    long = asyncio.create_task(engine.embed([LONG] * 200))
    await state(engine, EngineState.GENERATING)
    long.cancel()
    with pytest.raises(asyncio.CancelledError):
        await long
    assert len(await engine.embed(["short"])) == 1
    assert (await ask(engine)).samples


async def test_a_stream_that_is_only_forgotten_is_cancelled_as_well(engine, ask, make_request):
    async def forget() -> None:
        async for _ in engine.generate(make_request(max_tokens=4000, n=2)):
            return

    await forget()
    assert (await ask(engine)).samples


async def test_a_worker_that_hangs_is_replaced_when_a_request_is_cancelled(small_model, ask, make_request):
    engine = LlamaEngine(small_model, context_tokens=1024, cancel_seconds=0.1)
    stream = engine.generate(make_request(max_tokens=800))
    await anext(stream)
    pid = (await engine.info()).worker_pid
    os.kill(pid, signal.SIGSTOP)
    await stream.aclose()
    assert (await ask(engine)).samples
    assert (await engine.info()).worker_pid != pid
    await engine.close()
