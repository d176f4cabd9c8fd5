"""The client's end of one worker process: its pipes, its log, and what it died of."""

from __future__ import annotations

import asyncio
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from jupyter_mlagent.engine.call import Call, WorkerDied
from jupyter_mlagent.engine.diagnosis import Death, Phase, oom_kills
from jupyter_mlagent.engine.protocol import (
    LENGTH,
    AdapterSet,
    Cancel,
    Cancelled,
    Command,
    Embedded,
    Event,
    Failed,
    Generated,
    Hello,
    Load,
    LoadFailed,
    Loading,
    Ready,
    TokensCounted,
    WarmingUp,
    command_frame,
    decode_events,
)
from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.threads import yielding_environment

WORKER_COMMAND = (sys.executable, "-P", "-m", "jupyter_mlagent.engine.worker")
"""-P: a `random.py` in the notebook's folder must not be imported in place of the standard one."""

_LOG_LINES = 200
_LOG_CHUNK = 4096
_READ_CHUNK = 1 << 20
_CLOSE_SECONDS = 2.0
_LONGEST_FRAME = 1 << 28
"""No worker has more to say at once: a longer frame is something else on its stdout."""

_T = TypeVar("_T")


class WorkerLink:
    """One life of a worker. `on_progress` hears Loading; `on_death` is called if it ends by itself
    after it was ready.

    Threads read the pipes and hand events to the event loop: asyncio's own subprocesses cannot be let go
    of once their loop has been closed, which a notebook does between two commands.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        on_progress: Callable[[float], None],
        on_death: Callable[[Death], None],
    ) -> None:
        """Start the process; raises OSError."""
        self._on_progress = on_progress
        self._on_death = on_death
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._calls: dict[int, Call] = {}
        self._sets: tuple[str, ...] = ()
        self._phase = Phase.STARTING
        self._closing = False
        self._oom_kills = oom_kills()
        self._next_id = 1
        self.death: Death | None = None
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[Ready] = self._loop.create_future()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            # A session of its own: Ctrl-C in the terminal is for us, and we end the worker in our own time.
            start_new_session=True,
            env=worker_environment(),
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._stdin, self._stdout, self._stderr = (
            self._process.stdin,
            self._process.stdout,
            self._process.stderr,
        )
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=self._read_log, name="mlagent-worker-log", daemon=True),
            threading.Thread(target=self._read_events, name="mlagent-worker-events", daemon=True),
            threading.Thread(target=self._write, name="mlagent-worker-commands", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> tuple[str, ...]:
        """The last lines of the worker's log."""
        return tuple(self._log)

    async def load(self, load: Load) -> Ready:
        """Have it load the model; raises EngineError or WorkerDied, and then it is gone."""
        self._send(load)
        try:
            return await self._ready
        except BaseException:
            self.kill()
            raise

    def call(self, make: Callable[[int], Command]) -> Call:
        """Send the command that `make` builds for a fresh id."""
        id, self._next_id = self._next_id, self._next_id + 1
        call = Call(lambda: self._send(Cancel(id=id)))
        if self.death:
            call.put(WorkerDied(self.death))
        else:
            self._calls[id] = call
            self._send(make(id))
        return call

    def kill(self) -> None:
        """End the process at once."""
        self._closing = True
        self._process.kill()

    def give_up(self) -> None:
        """End a process that no longer listens, as if it had died by itself."""
        self._process.kill()

    async def close(self) -> None:
        """End the process: it leaves by itself when its stdin ends."""
        self._closing = True
        self._commands.put(None)
        try:
            await asyncio.to_thread(self._process.wait, _CLOSE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    def _send(self, command: Command) -> None:
        self._commands.put(command)

    def _write(self) -> None:
        """In a thread of its own: a worker that is stopped must not stop the event loop."""
        while command := self._commands.get():
            frame = memoryview(command_frame(command))
            # A worker that is gone is noticed, and explained, by the thread that reads from it.
            with suppress(OSError):
                while frame:
                    frame = frame[self._stdin.write(frame) :]
        self._stdin.close()

    def _read_log(self) -> None:
        rest = ""
        while chunk := self._stderr.read(_LOG_CHUNK):
            *lines, rest = (rest + chunk.decode(errors="replace")).split("\n")
            self._log.extend(line[:_LOG_CHUNK] for line in lines)
            rest = rest[:_LOG_CHUNK]
        self._log.append(rest)

    def _read_events(self) -> None:
        try:
            while header := self._read(LENGTH.size):
                (length,) = LENGTH.unpack(header)
                if length > _LONGEST_FRAME:
                    raise msgspec.DecodeError(f"a frame of {length} bytes")
                self._post(self._dispatch, decode_events(self._read(length)))
        except msgspec.MsgspecError as error:
            self._log.append(f"The worker sent what is no event: {error}")
            self._process.kill()
        returncode = self._process.wait()
        self._threads[0].join()
        self._stdout.close()
        self._stderr.close()
        self._commands.put(None)
        self._post(self._bury, returncode)

    def _read(self, size: int) -> bytes:
        """`size` bytes from the worker, fewer when it ended."""
        parts = bytearray()
        while len(parts) < size and (part := self._stdout.read(min(size - len(parts), _READ_CHUNK))):
            parts += part
        return bytes(parts) if len(parts) == size else b""

    def _post(self, action: Callable[[_T], None], argument: _T) -> None:
        """Run on the event loop; where that is gone, nobody is left to hear."""
        try:
            self._loop.call_soon_threadsafe(action, argument)
        except RuntimeError:
            self._process.kill()

    def _dispatch(self, events: list[Event]) -> None:
        for event in events:
            self._handle(event)

    def _handle(self, event: Event) -> None:
        match event:
            case Hello():
                self._sets = event.sets
                self._phase = Phase.LOADING
            case Loading():
                self._on_progress(event.progress)
            case WarmingUp():
                self._phase = Phase.FIRST_STEP
            case Ready():
                self._phase = Phase.SERVING
                if not self._ready.done():
                    self._ready.set_result(event)
            case LoadFailed():
                self._closing = True
                if not self._ready.done():
                    self._ready.set_exception(EngineError(event.reason))
            case _:
                self._deliver(event)

    def _deliver(self, event: Generated | Failed | Cancelled | TokensCounted | Embedded | AdapterSet) -> None:
        if call := self._calls.get(event.id):
            call.put(event)
            if call.ended:
                del self._calls[event.id]

    def _bury(self, returncode: int) -> None:
        """The process has ended: tell whoever still waits."""
        self.death = Death(
            returncode=returncode,
            phase=self._phase,
            sets=self._sets,
            out_of_memory=oom_kills() > self._oom_kills,
            last_line=next((line for line in reversed(self._log) if line.strip()), ""),
        )
        died = WorkerDied(self.death)
        if not self._ready.done():
            self._ready.set_exception(died)
        calls, self._calls = tuple(self._calls.values()), {}
        for call in calls:
            call.put(died)
        if self._phase is Phase.SERVING and not self._closing:
            self._on_death(self.death)


def worker_environment() -> dict[str, str]:
    """Ours, with this very package importable, however it came to be importable here, and threads that yield.

    Beside another busy program spinning threads made a decoding step, with its hundreds of barriers, up to
    ten times slower.
    """
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return {**yielding_environment(), "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
