"""The client's end of one worker process: its pipes, its log, and what it died of."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from jupyter_mlagent.engine.api import GenerateDone
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


class WorkerDied(Exception):  # noqa: N818 - an event, not a mistake
    """The worker ended before it answered."""

    def __init__(self, death: Death) -> None:
        super().__init__(f"exit status {death.returncode}")
        self.death = death


class Call:
    """A command under way: its events in order, the last of them terminal."""

    def __init__(self, cancel: Callable[[], None]) -> None:
        self._cancel = cancel
        self._events: asyncio.Queue[Event | WorkerDied] = asyncio.Queue()
        self._on_end: Callable[[], None] | None = None
        self.ended = False

    def put(self, event: Event | WorkerDied) -> None:
        self._events.put_nowait(event)
        if _is_terminal(event) and not self.ended:
            self.ended = True
            if self._on_end:
                self._on_end()

    def cancel(self) -> None:
        """Ask the worker to stop; the call ends when it says so."""
        if not self.ended:
            self._cancel()

    def when_ended(self, action: Callable[[], None]) -> None:
        if self.ended:
            action()
        else:
            self._on_end = action

    async def events(self) -> AsyncIterator[Event]:
        """Events up to and including the terminal one.

        Raises EngineError when the worker refuses the command, WorkerDied when it ends.
        """
        while True:
            event = await self._events.get()
            if isinstance(event, WorkerDied):
                raise event
            if isinstance(event, Failed):
                raise EngineError(event.reason)
            yield event
            if _is_terminal(event):
                return

    async def answer(self) -> Event:
        """The one event of a command that has a single answer."""
        async for event in self.events():
            return event
        raise AssertionError("a call ends with a terminal event")


def _is_terminal(event: Event | WorkerDied) -> bool:
    if isinstance(event, Generated):
        return isinstance(event.event, GenerateDone)
    return isinstance(event, WorkerDied | Failed | Cancelled | TokensCounted | Embedded | AdapterSet)


class WorkerLink:
    """One life of a worker. `on_progress` hears Loading; `on_death` is called if it ends by itself
    after it was ready."""

    def __init__(
        self,
        *,
        command: Sequence[str],
        on_progress: Callable[[float], None],
        on_death: Callable[[Death], None],
    ) -> None:
        self._command = tuple(command)
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

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> tuple[str, ...]:
        """The last lines of the worker's log."""
        return tuple(self._log)

    async def start(self, load: Load) -> Ready:
        """Start the process and load the model; raises EngineError or WorkerDied."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # A session of its own: Ctrl-C in the terminal is for us, and we end the worker in our own time.
            start_new_session=True,
            env=_environment(),
        )
        self._ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(self._read_log()), asyncio.create_task(self._read_events())]
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
        if self._process.stdin:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _CLOSE_SECONDS)
        except TimeoutError:
            self.kill()
            await self._process.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _send(self, command: Command) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command_frame(command))

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        rest = ""
        while chunk := await self._process.stderr.read(_LOG_CHUNK):
            *lines, rest = (rest + chunk.decode(errors="replace")).split("\n")
            self._log.extend(line[:_LOG_CHUNK] for line in lines)
            rest = rest[:_LOG_CHUNK]
        self._log.append(rest)

    async def _read_events(self) -> None:
        assert self._process.stdout is not None
        try:
            while True:
                (length,) = LENGTH.unpack(await self._process.stdout.readexactly(LENGTH.size))
                for event in decode_events(await self._process.stdout.readexactly(length)):
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
    """Ours, in which this very package can be imported, however it came to be importable here."""
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
