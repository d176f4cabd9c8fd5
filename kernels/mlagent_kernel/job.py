"""One confined process and its pipes, as the supervisor sees them."""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import guard, warden
from .channel import LineReader, LineWriter
from .forking import fork
from .outputs import clean, stream, text_of
from .wire import Message

_RAW_BYTES = 1 << 16
_LINE_SLACK = 1 << 20


@dataclass(frozen=True)
class TrialEnds:
    """The trial's ends of its pipes."""

    events: int
    """Messages to the supervisor."""
    requests: int
    """Messages from the supervisor."""
    stdout: int
    stderr: int
    payload: int
    """A file for what is too large for a message, shared with the supervisor."""
    control: int = -1
    """Where a process that stays alive as a node takes its orders (node.py); -1: it will not stay."""

    def all(self) -> tuple[int, ...]:
        always = (self.events, self.requests, self.stdout, self.stderr, self.payload)
        return always if self.control < 0 else (*always, self.control)


@dataclass(frozen=True)
class Resources:
    tier: str
    memory_bytes: int
    disk_bytes: int
    processes: int
    output_bytes: int


@dataclass(frozen=True)
class Ending:
    """How a trial's process came to its end, told by its warden."""

    over: str = ""
    """Limit it exceeded: `memory`, `processes`, `disk` or none."""
    peak_bytes: int = 0
    exit_status: int | None = None
    """As waitpid gives it; None when it was ended by us."""
    effects: dict[str, Any] | None = None
    failed: str = ""
    """Why the guard could not be set up."""


@dataclass(frozen=True)
class Standing:
    """How a trial that lives stands, told by its warden."""

    processes: int
    peak_bytes: int
    effects: dict[str, Any]


Work = Callable[[guard.Confinement, TrialEnds], None]
"""What runs in the confined process; it is ended when this returns."""


class Job:
    """Fork a warden that forks `work`. Start it where nothing but the current thread runs."""

    def __init__(
        self,
        work: Work,
        resources: Resources,
        payload: int,
        private: Iterable[int],
        control: int = -1,
    ) -> None:
        """`payload`: a file descriptor handed to the trial. `private`: descriptors it must never see.

        `control`: a node's end of its control socket, handed to the trial for good; -1 for none.
        """
        events, requests, out, err = os.pipe(), os.pipe(), os.pipe(), os.pipe()
        status, command = os.pipe(), os.pipe()
        ends = TrialEnds(events[1], requests[0], out[1], err[1], payload, control)
        ours = (events[0], requests[1], out[0], err[0], status[0], command[1])
        self.ending: Ending | None = None
        self.inbox: deque[Message] = deque()
        """Messages that were read and not yet dealt with."""
        self._standing: Message | None = None
        self._pid = fork()
        if self._pid == 0:
            for descriptor in (*ours, *private):
                os.close(descriptor)
            warrant = warden.Warrant(
                tier=resources.tier,
                cwd=_cwd(),
                memory_bytes=resources.memory_bytes,
                disk_bytes=resources.disk_bytes,
                processes=resources.processes,
                command=command[0],
                status=status[1],
                keep=ends.all(),
            )
            warden.run(warrant, lambda confinement: work(confinement, ends))
        if control >= 0:
            os.close(control)
        for descriptor in (events[1], requests[0], out[1], err[1], status[1], command[0]):
            os.close(descriptor)
        self._events = LineReader(events[0], resources.output_bytes + _LINE_SLACK)
        self._status = LineReader(status[0], _LINE_SLACK)
        self._raw = {out[0]: "stdout", err[0]: "stderr"}
        for descriptor in self._raw:
            os.set_blocking(descriptor, False)
        self._requests = LineWriter(requests[1])
        self._fds = list(ours)
        self._command = command[1]
        self._poll = select.poll()
        for descriptor in (out[0], err[0], events[0], status[0]):
            self._poll.register(descriptor, select.POLLIN)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the supervisor holds of it, to be kept from other trials."""
        return tuple(self._fds)

    def watch(self, descriptor: int, events: int) -> None:
        """Also return from `poll` for this descriptor; `events` 0 means its errors only."""
        self._poll.register(descriptor, events)

    def request(self, message: Message) -> bool:
        """Send a message to the trial; False when it is gone."""
        try:
            self._requests.send(message)
        except OSError:
            return False
        return True

    def poll(self, seconds: float) -> list[Message]:
        """Wait for news, `seconds` at most: cleaned outputs (`kind` "output") and the trial's other messages.

        `dropped` stands for messages that were too long to be read.
        Sets `ending` once the warden has ended; everything the trial said before has then been returned.
        """
        self._poll.poll(max(0.0, seconds) * 1000)
        news = self._read()
        for message in self._status.read():
            if message.get("kind") == "failed":
                self.ending = Ending(failed=str(message.get("reason")))
            elif message.get("kind") == "standing":
                self._standing = message
            elif message.get("kind") == "ended":
                self.ending = Ending(
                    message["over"], message["peak_bytes"], message["exit_status"], message["effects"]
                )
        if self.ending is None and self._status.closed:
            self.ending = Ending(failed="The process that guards the trial ended unexpectedly.")
        if self.ending is not None:
            news += self._rest()
        return news

    def _rest(self) -> list[Message]:
        """All processes of the trial are gone: what the pipes still hold is all there will be."""
        news: list[Message] = []
        while True:
            more = self._read()
            if not more and (self._events.closed or not _readable(self._events.descriptor)):
                return news
            news += more

    def _read(self) -> list[Message]:
        news = []
        for descriptor, name in list(self._raw.items()):
            text = self._read_raw(descriptor)
            if text:
                news.append({"kind": "output", "output": stream(name, text)})
        lost = self._events.dropped
        messages = self._events.read()
        if self._events.dropped > lost:
            news.append({"kind": "dropped"})
        for message in messages:
            if message.get("kind") != "output":
                news.append(message)
                continue
            output = clean(message.get("output"))
            if output is not None:
                news.append({"kind": "output", "output": output})
        return news

    def _read_raw(self, descriptor: int) -> str:
        try:
            data = os.read(descriptor, _RAW_BYTES)
        except BlockingIOError:
            return ""
        if not data:
            del self._raw[descriptor]
            self._poll.unregister(descriptor)
        return text_of(data.decode("utf-8", "replace"))

    def standing(self, seconds: float = 10.0) -> tuple[Standing | None, list[Message]]:
        """How a trial that still lives stands, and the news until then.

        None when it ended or the warden did not answer in time.
        """
        self._standing = None
        news: list[Message] = []
        deadline = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            os.write(self._command, warden.STANDING)
        while self._standing is None and self.ending is None and time.monotonic() < deadline:
            news += self.poll(0.1)
        told = self._standing
        if told is None or self.ending is not None:
            return None, news
        return Standing(told["processes"], told["peak_bytes"], told["effects"]), news

    def rest(self) -> None:
        """Stop watching the limits of a trial that waits."""
        with contextlib.suppress(OSError):
            os.write(self._command, warden.HOLD)

    def wake(self) -> None:
        """Watch them again."""
        with contextlib.suppress(OSError):
            os.write(self._command, warden.WATCH)

    def hold(self) -> None:
        """No more requests, no more watching of limits: the trial stays as a node until it, or we, end."""
        self.rest()
        self._fds.remove(self._requests.descriptor)
        os.close(self._requests.descriptor)
        self._poll = select.poll()  # what else was watched may be closed by now, which would wake us for ever
        self._poll.register(self._status.descriptor, select.POLLIN)

    def kill(self) -> None:
        """Have the warden end the trial; `poll` until `ending` is set."""
        with contextlib.suppress(OSError):  # it has ended already
            os.write(self._command, warden.KILL)

    def finish(self, seconds: float = 30.0) -> list[Message]:
        """End the trial, wait for its ending and release everything; returns the last news."""
        news: list[Message] = []
        deadline = time.monotonic() + seconds
        self.kill()
        while self.ending is None and time.monotonic() < deadline:
            news += self.poll(0.1)
        if self.ending is None:
            self.ending = Ending(failed="The trial's processes could not be ended in time.")
        for descriptor in self._fds:
            os.close(descriptor)
        self._fds = []
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        return news


def _readable(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


def _cwd() -> str | None:
    """None when the working directory was deleted."""
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return None
