"""JSON objects over pipes, one a line, with bounds: what arrives from a trial is untrusted."""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections import deque

from .wire import Message

_READ_BYTES = 1 << 18
_DRAIN_SECONDS = 20.0


class LineWriter:
    """Writes whole messages to a blocking descriptor, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, message: Message) -> None:
        """Raises OSError when the other end is gone."""
        data = memoryview(encode(message))
        with self._lock:
            while data:
                data = data[os.write(self.descriptor, data) :]


class LineReader:
    """Reads messages from a descriptor, made non-blocking; lines too long or not JSON objects are dropped."""

    def __init__(self, descriptor: int, max_line: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.closed = False
        self.dropped = 0
        self._max_line = max_line
        self._parts: list[bytes] = []
        self._size = 0
        self._skipping = False

    def read(self) -> list[Message]:
        """The messages complete by now; sets `closed` at the end of the stream."""
        try:
            data = os.read(self.descriptor, _READ_BYTES)
        except BlockingIOError:
            return []
        if not data:
            self.closed = True
            return []
        messages = []
        *lines, rest = data.split(b"\n")
        for line in lines:
            message = self._finish(line)
            if message is not None:
                messages.append(message)
        self._hold(rest)
        return messages

    def _hold(self, part: bytes) -> None:
        if self._skipping or not part:
            return
        self._parts.append(part)
        self._size += len(part)
        if self._size > self._max_line:
            self._parts, self._size, self._skipping = [], 0, True

    def _finish(self, line: bytes) -> Message | None:
        self._hold(line)
        skipped, text = self._skipping, b"".join(self._parts)
        self._parts, self._size, self._skipping = [], 0, False
        if skipped:
            self.dropped += 1
            return None
        return decode(text)


class Outbox:
    """Messages on their way into a pipe whose reader may be slow: never blocks the one who sends."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.broken = False
        self._waiting: deque[memoryview] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting) and not self.broken

    def send(self, message: Message) -> None:
        self._waiting.append(memoryview(encode(message)))
        self.pump()

    def pump(self) -> None:
        """Write what the pipe takes now; sets `broken` when nobody reads any more."""
        while self._waiting and not self.broken:
            try:
                written = os.write(self.descriptor, self._waiting[0])
            except BlockingIOError:
                return
            except OSError:
                self.broken = True
                return
            rest = self._waiting[0][written:]
            if rest:
                self._waiting[0] = rest
            else:
                self._waiting.popleft()

    def drain(self, seconds: float = _DRAIN_SECONDS) -> None:
        """Wait until everything is written, `seconds` at most."""
        deadline = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        while self and time.monotonic() < deadline:
            poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
            self.pump()


def report_on(descriptor: int, report: Message) -> None:
    """Send a report, and nothing else, to the host that waits at the other end."""
    outbox = Outbox(descriptor)
    outbox.send({"kind": "report", **report})
    outbox.drain()


def encode(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":"), default=repr).encode() + b"\n"


def decode(line: bytes) -> Message | None:
    """One message, or None when the line is no JSON object (or nested beyond what the parser takes)."""
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None
