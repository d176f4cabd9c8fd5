"""The client's end of one worker process: its pipes, its log, and what it died of."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

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

WORKER_COMMAND = (sys.executable, "-P", "-m", "jupyter_mlagent.engine.worker")
"""-P: a `random.py` in the notebook's folder must not be imported in place of the standard one."""

_LOG_LINES = 200
_LOG_CHUNK = 4096
_CLOSE_SECONDS = 2.0


class WorkerLink:
    """One life of a worker. `on_progress` hears Loading; `on_death` is called if it ends by itself
    after it was ready."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        *,
        on_progress: Callable[[float], None],
        on_death: Callable[[Death], None],
    ) -> None:
        assert process.stdin and process.stdout and process.stderr
        self._process = process
        self._stdin, self._stdout, self._stderr = process.stdin, process.stdout, process.stderr
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
        self._ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(self._read_log()), asyncio.create_task(self._read_events())]

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        *,
        on_progress: Callable[[float], None],
        on_death: Callable[[Death], None],
    ) -> WorkerLink:
        """Start the process; raises OSError."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # A session of its own: Ctrl-C in the terminal is for us, and we end the worker in our own time.
            start_new_session=True,
            env=_environment(),
        )
        return cls(process, on_progress=on_progress, on_death=on_death)

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
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def close(self) -> None:
        """End the process: it leaves by itself when its stdin ends."""
        self._closing = True
        self._stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _CLOSE_SECONDS)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _send(self, command: Command) -> None:
        self._stdin.write(command_frame(command))

    async def _read_log(self) -> None:
        rest = ""
        while chunk := await self._stderr.read(_LOG_CHUNK):
            *lines, rest = (rest + chunk.decode(errors="replace")).split("\n")
            self._log.extend(line[:_LOG_CHUNK] for line in lines)
            rest = rest[:_LOG_CHUNK]
        self._log.append(rest)

    async def _read_events(self) -> None:
        try:
            while True:
                (length,) = LENGTH.unpack(await self._stdout.readexactly(LENGTH.size))
                for event in decode_events(await self._stdout.readexactly(length)):
                    self._dispatch(event)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except msgspec.MsgspecError as error:
            self._log.append(f"The worker sent what is no event: {error}")
            self._process.kill()
        await self._bury()

    def _dispatch(self, event: Event) -> None:
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

    async def _bury(self) -> None:
        """The pipe has ended: tell whoever still waits."""
        returncode = await self._process.wait()
        await asyncio.gather(self._tasks[0], return_exceptions=True)
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
        for call in self._calls.values():
            call.put(died)
        self._calls.clear()
        if self._phase is Phase.SERVING and not self._closing:
            self._on_death(self.death)


def _environment() -> dict[str, str]:
    """Ours, with this very package importable, however it came to be importable here, and threads that yield.

    GNU OpenMP's threads spin at the hundreds of barriers of each decoding step: beside another busy program
    that made a step up to ten times slower. A thousand spins outlast a barrier among equals, no more
    (measured on 2 cores: same speed alone, 3 to 4 times the speed beside a busy program).
    """
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return {"GOMP_SPINCOUNT": "1000", **os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
