"""The model worker: `python -m jupyter_mlagent.engine.worker`, commands on stdin, events on stdout.

Its own process, because llama.cpp can crash, and must then cost a message and a restart, nothing more.
It ends when its client does: at the end of stdin, even in the middle of a decode.
"""

from __future__ import annotations

import os
import queue
import select
import sys
import threading
from collections.abc import Callable, Sequence

from jupyter_mlagent.engine.llama.service import Service
from jupyter_mlagent.engine.protocol import (
    LENGTH,
    Cancel,
    Command,
    CountTokens,
    Event,
    Load,
    decode_command,
    event_frame,
)

_PARENT_CHECK_SECONDS = 2.0


class Wire:
    """The two pipes, moved away from the standard descriptors so that stray prints cannot break frames."""

    def __init__(self) -> None:
        self._input = os.dup(0)
        self._output = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(2, 1)
        self._parent = os.getppid()
        self._lock = threading.Lock()

    def send(self, events: Sequence[Event]) -> None:
        if not events:
            return
        frame = memoryview(event_frame(events))
        with self._lock:
            try:
                while frame:
                    frame = frame[os.write(self._output, frame) :]
            except BrokenPipeError:
                os._exit(0)

    def receive(self) -> Command:
        """The next command; ends the process when the client is gone."""
        (length,) = LENGTH.unpack(self._read(LENGTH.size))
        return decode_command(self._read(length))

    def _read(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            # A fork of the client may hold the pipe's other end open: its end alone is not enough to know.
            while not select.select([self._input], [], [], _PARENT_CHECK_SECONDS)[0]:
                if os.getppid() != self._parent:
                    os._exit(0)
            part = os.read(self._input, size - len(parts))
            if not part:
                os._exit(0)
            parts += part
        return bytes(parts)


def main() -> None:
    wire = Wire()
    service = Service(wire.send)
    requests: queue.SimpleQueue[Command] = queue.SimpleQueue()
    counts: queue.SimpleQueue[Command] = queue.SimpleQueue()

    def listen() -> None:
        while True:
            command = wire.receive()
            if isinstance(command, Cancel):
                service.cancel(command.id)
            elif isinstance(command, CountTokens):
                counts.put(command)
            else:
                requests.put(command)

    first = wire.receive()
    if not isinstance(first, Load):
        sys.exit("The first command must be load.")
    threading.Thread(target=listen, daemon=True).start()
    if service.load(first):
        # Counting only tokenizes, so it need not wait for the generation under way.
        threading.Thread(target=_serve, args=(counts, service.answer), daemon=True).start()
        _serve(requests, service.answer)


def _serve(commands: queue.SimpleQueue[Command], answer: Callable[[Command], None]) -> None:
    while True:
        answer(commands.get())


if __name__ == "__main__":
    main()
