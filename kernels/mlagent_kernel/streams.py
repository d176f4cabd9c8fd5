"""Text that a cell prints, on its way out of the trial."""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from typing import Any

from .channel import LineWriter
from .outputs import Output, stream

_CHUNK = 1 << 16
_QUIET_SECONDS = 0.005
"""Text after a pause at least this long goes out at once; in a flood it is gathered."""
_GATHER_SECONDS = 0.05


class OutputSink:
    """Orders text and displayed objects into one sequence of messages; any thread may use it."""

    def __init__(self, events: LineWriter, *, muted: bool = False) -> None:
        """`muted`: swallow everything."""
        self._events = events
        self._muted = muted
        self._lock = threading.RLock()
        self._name = ""
        self._texts: list[str] = []
        self._size = 0
        self._sent_at = 0.0
        os.register_at_fork(
            before=self._before_fork, after_in_parent=self._lock.release, after_in_child=self._lock.release
        )
        threading.Thread(target=self._tick, name="mlagent-outputs", daemon=True).start()

    def text(self, name: str, text: str) -> None:
        if self._muted:
            return
        with self._lock:
            if name != self._name:
                self.flush()
                self._name = name
            self._texts.append(text)
            self._size += len(text)
            if self._size >= _CHUNK or time.monotonic() - self._sent_at > _QUIET_SECONDS:
                self.flush()

    def display(self, output: Output) -> None:
        if self._muted:
            return
        with self._lock:
            self.flush()
            self._events.send({"kind": "output", "output": output})

    def flush(self) -> None:
        with self._lock:
            if not self._texts:
                return
            text, self._texts, self._size = "".join(self._texts), [], 0
            for start in range(0, len(text), _CHUNK):
                output = stream(self._name, text[start : start + _CHUNK])
                self._events.send({"kind": "output", "output": output})
            self._sent_at = time.monotonic()

    def _before_fork(self) -> None:
        """A child of the cell inherits a free lock and no text that its parent will send too."""
        self._lock.acquire()
        self.flush()

    def _tick(self) -> None:
        while True:
            time.sleep(_GATHER_SECONDS)
            self.flush()


class TrialStream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr` of a trial that has no notebook streams to redirect."""

    def __init__(self, name: str, sink: OutputSink) -> None:
        self.name = name
        self._sink = sink

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._sink.text(self.name, text)
        return len(text)

    def flush(self) -> None:
        self._sink.flush()


def redirect(sink: OutputSink, descriptors: dict[str, int]) -> None:
    """Send `sys.stdout` and `sys.stderr` to the sink, also where someone holds on to the kernel's streams.

    `descriptors`: for `stdout` and `stderr`, the descriptor that takes what C code and subprocesses write.
    """
    iostream = sys.modules.get("ipykernel.iostream")
    out_stream: Any = getattr(iostream, "OutStream", None)
    if out_stream is None:
        sys.stdout, sys.stderr = TrialStream("stdout", sink), TrialStream("stderr", sink)
        return
    out_stream._mlagent_sink = sink
    out_stream._mlagent_descriptors = descriptors
    for name, function in (("write", _write), ("flush", _flush), ("_flush", _flush), ("fileno", _fileno)):
        # The code inside the function is exchanged, not the function: IPython's history and people's own
        # wrappers hold bound methods of these streams, which a new attribute would not reach.
        getattr(out_stream, name).__code__ = function.__code__
    iostream_thread: Any = getattr(iostream, "IOPubThread", None)
    if iostream_thread is not None:
        iostream_thread.schedule = iostream_thread.send_multipart = _ignore


def _ignore(*_args: Any, **_kwargs: Any) -> None:
    """Stands where the kernel's thread for outputs was asked to send."""


# Bodies for ipykernel's OutStream: they run with that module's globals, so they name nothing but `self`.


def _write(self: Any, string: str) -> int:
    if not isinstance(string, str):
        raise TypeError("write() argument must be str, not %s" % type(string))  # noqa: UP031
    self._mlagent_sink.text("stderr" if self.name == "stderr" else "stdout", string)
    return len(string)


def _flush(self: Any) -> None:
    self._mlagent_sink.flush()


def _fileno(self: Any) -> int:
    found: int = self._mlagent_descriptors["stderr" if self.name == "stderr" else "stdout"]
    return found
