"""A worker that dies costs one sentence and a restart; one whose client dies does not stay."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from jupyter_mlagent.engine.api import TextDelta
from jupyter_mlagent.engine.local import LlamaEngine
from jupyter_mlagent.engine.protocol import LENGTH, Loading, decode_events
from jupyter_mlagent.engine.status import EngineState, EngineStatus
from jupyter_mlagent.errors import EngineError

ROOT = Path(__file__).parents[2]


def gone(pid: int) -> bool:
    """Wait until the process has ended (a zombie has)."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(60)
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


async def until(engine: LlamaEngine, wanted: Callable[[EngineStatus], bool]) -> EngineStatus:
    reached: asyncio.Future[EngineStatus] = asyncio.get_running_loop().create_future()
    unwatch = engine.watch(
        lambda status: wanted(status) and not reached.done() and reached.set_result(status)
    )
    try:
        return await reached
    finally:
        unwatch()


@pytest.mark.model
async def test_killed_in_mid_reply_one_sentence_then_the_next_request_is_served(
    small_model, ask, make_request
):
    engine = LlamaEngine(small_model, context_tokens=1024)
    states: list[EngineState] = []
    engine.watch(lambda status: states.append(status.state))
    before = await ask(engine)
    pid = (await engine.info()).worker_pid

    with pytest.raises(EngineError) as failure:
        async for event in engine.generate(make_request(max_tokens=500, n=4)):
            if isinstance(event, TextDelta):
                os.kill(pid, signal.SIGKILL)

    assert str(failure.value) == (
        "The model worker stopped (signal 9, killed) while answering; it is being restarted, ask again."
    )
    assert (await ask(engine)).samples == before.samples
    assert (await engine.info()).worker_pid != pid
    order = [EngineState.GENERATING, EngineState.RESTARTING, EngineState.LOADING, EngineState.READY]
    restart = states.index(EngineState.RESTARTING)
    assert states[restart - 1 : restart + 3] == order
    await engine.close()
    assert engine.status.state is EngineState.STOPPED


@pytest.mark.model
async def test_killed_while_idle_it_comes_back_by_itself(small_model):
    engine = LlamaEngine(small_model, context_tokens=1024)
    pid = (await engine.start()).worker_pid
    os.kill(pid, signal.SIGKILL)
    restarting = await until(engine, lambda status: status.state is EngineState.RESTARTING)
    await until(engine, lambda status: status.state is EngineState.READY)
    assert "signal 9" in restarting.message
    assert (await engine.info()).worker_pid not in (None, pid)
    await engine.close()


@pytest.mark.model
async def test_requests_that_wait_are_served_after_the_restart(small_model, make_request):
    engine = LlamaEngine(small_model, context_tokens=1024)
    pid = (await engine.start()).worker_pid
    started = asyncio.Event()

    async def consume(key: str) -> str:
        async for event in engine.generate(make_request(max_tokens=300, cache_key=key)):
            if isinstance(event, TextDelta):
                started.set()
        return key

    first = asyncio.create_task(consume("one"))
    second = asyncio.create_task(consume("two"))
    await started.wait()
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="signal 9"):
        await first
    assert await second == "two"
    await engine.close()


@pytest.mark.model
async def test_a_worker_that_keeps_dying_is_not_restarted_for_ever(small_model, ask):
    engine = LlamaEngine(small_model, context_tokens=512)
    for _ in range(3):
        pid = (await engine.start()).worker_pid
        os.kill(pid, signal.SIGKILL)
        await until(engine, lambda status: bool(status.message))
        if engine.status.state is EngineState.RESTARTING:
            await until(engine, lambda status: status.state is EngineState.READY)
    assert engine.status.state is EngineState.STOPPED
    assert engine.status.message == "The model worker stopped (signal 9, killed) while answering."
    assert (await ask(engine)).samples, "asked again, it tries again"
    await engine.close()


@pytest.mark.model
async def test_close_ends_the_worker_even_in_mid_reply(small_model, make_request):
    engine = LlamaEngine(small_model, context_tokens=1024)
    stream = engine.generate(make_request(max_tokens=800, n=4))
    await anext(stream)
    pid = (await engine.info()).worker_pid
    await engine.close()
    assert gone(pid)
    with pytest.raises(EngineError, match=r"closed while answering\.$"):
        async for _ in stream:
            pass
    assert engine.status.state is EngineState.STOPPED


CLIENT = """
import asyncio, os, signal, sys
from jupyter_mlagent.engine.api import *
from jupyter_mlagent.engine.local import LlamaEngine
from jupyter_mlagent.records import ChatMessage

async def main():
    engine = LlamaEngine(sys.argv[1], context_tokens=1024)
    story = ChatMessage(role="user", content="Tell a long story.")
    asked = GenerateRequest(messages=(story,), n=4, options=SamplingOptions(max_tokens=900))
    async for event in engine.generate(asked):
        if isinstance(event, TextDelta):
            if "fork" in sys.argv and os.fork() == 0:
                signal.pause()
            print((await engine.info()).worker_pid, flush=True)

asyncio.run(main())
"""


def busy_client(model: Path, *arguments: str, **options: object) -> tuple[subprocess.Popen[str], int]:
    """Another process whose worker is in the middle of a reply, and the worker's id."""
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(model), *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        **options,
    )
    return client, int(client.stdout.readline())


@pytest.mark.model
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_worker_ends_with_its_client(small_model, end):
    client, pid = busy_client(small_model)
    client.send_signal(end)
    client.wait()
    assert gone(pid)
    client.stdout.close()


@pytest.mark.model
def test_the_worker_ends_with_its_client_even_when_a_fork_of_it_lives_on(small_model):
    """A trial is a fork of the kernel, and in `%mlagent` the kernel is the client: its pipes are copied."""
    client, pid = busy_client(small_model, "fork", start_new_session=True)
    client.kill()
    client.wait()
    assert gone(pid)
    os.killpg(client.pid, signal.SIGKILL)
    client.stdout.close()


@pytest.mark.model
def test_ctrl_c_in_the_terminal_does_not_reach_the_worker(small_model):
    """The terminal interrupts its whole process group; the client alone decides about the worker."""
    client, pid = busy_client(small_model, start_new_session=True)
    assert os.getpgid(pid) != client.pid
    os.killpg(client.pid, signal.SIGKILL)
    client.wait()
    assert gone(pid), "and it still ends with the client"
    client.stdout.close()


@pytest.mark.model
def test_an_engine_survives_one_asyncio_run_after_another(small_model, ask):
    engine = LlamaEngine(small_model, context_tokens=512)
    first = asyncio.run(ask(engine, max_tokens=4))
    second = asyncio.run(ask(engine, max_tokens=4))
    assert first.samples == second.samples
    asyncio.run(engine.close())


# Workers that die early: stand-ins that speak just enough of the protocol to get there.

STAND_IN = """
import os, signal, sys
from jupyter_mlagent.engine.protocol import *
def send(*events):
    os.write(1, event_frame(events))
"""


def stand_in(*lines: str) -> Sequence[str]:
    return (sys.executable, "-c", STAND_IN + "\n".join(lines))


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "some.gguf"
    path.write_bytes(b"GGUF")
    return path


HELLO_AMX = "send(Hello(pid=1, sets=('AVX512', 'AMX_INT8')))"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            (HELLO_AMX, "send(WarmingUp())", "os.kill(os.getpid(), signal.SIGSEGV)"),
            r"crashed while trying its first step: .*AMX.*engine\.build",
        ),
        (("os.kill(os.getpid(), signal.SIGILL)",), r"crashed while starting: .*doctor"),
        (("sys.exit('No module named llama_cpp')",), r"exit status 1\) while starting: No module named"),
        (("send(LoadFailed(reason='llama.cpp cannot load it'))",), "llama.cpp cannot load it"),
        (("print('hello'); sys.stdout.flush(); import time; time.sleep(60)",), "while starting: The worker"),
    ],
    ids=["amx", "illegal", "missing", "refused", "garbage"],
)
async def test_a_worker_that_dies_before_it_serves_is_explained(model, lines, sentence):
    engine = LlamaEngine(model, worker_command=stand_in(*lines))
    with pytest.raises(EngineError, match=sentence) as failure:
        await engine.start()
    assert "\n" not in str(failure.value)
    assert engine.status.state is EngineState.STOPPED
    assert engine.status.message == str(failure.value)
    await engine.close()


async def test_an_interpreter_that_is_absent_is_explained(model):
    engine = LlamaEngine(model, worker_command=("/nowhere/python",))
    with pytest.raises(EngineError, match="cannot be started"):
        await engine.start()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(None, "cannot be read"), (b"PK\x03\x04 something", "is no GGUF"), (b"", "is no GGUF")],
)
async def test_a_file_that_is_no_model_is_named(tmp_path, content, sentence):
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(EngineError, match=sentence) as failure:
        await LlamaEngine(path).start()
    assert str(path) in str(failure.value)


@pytest.mark.model
async def test_a_truncated_model_is_named(tmp_path, small_model):
    path = tmp_path / "model.gguf"
    path.write_bytes(small_model.read_bytes()[:-1_000_000])
    with pytest.raises(EngineError, match="incomplete") as failure:
        await LlamaEngine(path).start()
    assert str(path) in str(failure.value)
    assert "\n" not in str(failure.value)


def test_what_a_library_prints_does_not_break_the_worker_s_pipe():
    script = """
import os, sys
from jupyter_mlagent.engine.protocol import Loading
from jupyter_mlagent.engine.worker import Wire
wire = Wire()
print("stray", flush=True)
os.write(1, b"stray too")
wire.send([Loading(progress=0.5)])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, stdin=subprocess.DEVNULL
    )
    assert decode_events(done.stdout[LENGTH.size :]) == [Loading(progress=0.5)]
    assert done.stderr == b"stray\nstray too"
