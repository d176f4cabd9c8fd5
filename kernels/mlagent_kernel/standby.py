"""A supervisor that is there before it is needed, with the processes of its next trial forked already.

A fork of a process with many libraries takes 10 ms and more, and a guarded trial is three, its metric two
more. While a model writes there is time for them. The kernel's end of it is `Standby`; `wait_and_serve` is
the supervisor's.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Callable
from typing import Any

from .channel import Outbox
from .metric import plan as plans
from .runs import Runs
from .wire import TrialSpec

_SEND_SECONDS = 5.0
_PIECE_BYTES = 1 << 16
_LOOK_SECONDS = 1.0
_LONGEST_SECONDS = 900.0
_KERNEL_AT_WORK_SECONDS = 1.0
"""Of processor time: the kernel runs a cell, and every page it changes is copied as long as copies live."""

Order = tuple[TrialSpec, Outbox]


class Standby:
    """The kernel's end: what waits, for which kind of trial."""

    def __init__(self, pid: int, orders: socket.socket, spec: TrialSpec) -> None:
        self.pid = pid
        self._orders = orders
        self._spec = spec
        orders.settimeout(_SEND_SECONDS)

    def suits(self, spec: TrialSpec) -> bool:
        return spec.limits == self._spec.limits and spec.tier == self._spec.tier

    def order(self, text: str, report: int) -> bool:
        """Have a trial run that reports on that descriptor; False when nobody takes orders any more."""
        data = text.encode() + b"\n"
        try:
            sent = socket.send_fds(self._orders, [data], [report])
            self._orders.sendall(data[sent:])
        except OSError:
            return False
        return True

    def end(self) -> None:
        """It ends by itself, a little later."""
        with contextlib.suppress(OSError):  # a child of the kernel may hold this end open
            self._orders.shutdown(socket.SHUT_RDWR)
        self._orders.close()


def nobody() -> Outbox:
    """Where a supervisor reports to that has no request yet."""
    return Outbox(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC))


def wait_and_serve(
    spec: TrialSpec, runs: Runs, orders: socket.socket, serve: Callable[[TrialSpec, Outbox], None]
) -> None:
    """Be the supervisor until nobody needs it any more. Raises AbandonedError when the host went away."""
    runs.keep_private(orders.fileno())
    plan = plans.try_make(spec.metric.expression, runs.namespace)[0] if spec.metric else None
    kernel = os.getppid()
    while True:
        runs.make_ready(plan)
        order = _next_order(orders, kernel)
        if order is None:
            return
        serve(*order)
        os.close(order[1].descriptor)
        runs.finish_used()


def _next_order(orders: socket.socket, kernel: int) -> Order | None:
    """None when the kernel has closed its end, is at work, is gone, or has nothing for long."""
    used, until = _processor_seconds(kernel), time.monotonic() + _LONGEST_SECONDS
    poll = select.poll()
    poll.register(orders, select.POLLIN)
    while not poll.poll(_LOOK_SECONDS * 1000):
        at_work = _processor_seconds(kernel) - used > _KERNEL_AT_WORK_SECONDS
        if at_work or os.getppid() != kernel or time.monotonic() > until:
            return None
    data, descriptors, _, _ = socket.recv_fds(orders, _PIECE_BYTES, 1)
    while data and not data.endswith(b"\n"):
        piece = orders.recv(_PIECE_BYTES)
        if not piece:
            return None
        data += piece
    if not data or not descriptors:
        return None
    return TrialSpec.from_json(data.decode()), Outbox(descriptors[0])


def _processor_seconds(pid: int) -> float:
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
        fields: Any = file.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0
