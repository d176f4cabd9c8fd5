"""The root of a tree of live states: started by the host, it runs no code of a notebook itself.

It reads one request a line from its standard input. `open` replays a notebook inside the guard as the first
node; `try` hands an order to a node, with the FIFO that the node's supervisor reports on; `probe` asks for a
node's variables; `drop` ends a node and what grew from it.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from typing import Any

from . import guard, node
from .channel import Outbox, report_on
from .hosted import serve_host
from .job import Job
from .replay import State
from .runs import AbandonedError, Workshop
from .supervisor import resources_of
from .wire import Message, TrialSpec

_REPLAY_SECONDS = 3600.0
GONE = "The state's process has ended."


def main() -> None:
    serve_host(Root)


class Root:
    def __init__(self, parent_pid: int) -> None:
        self._parent_pid = parent_pid
        self._workshop: Workshop | None = None
        self._nodes: dict[str, socket.socket] = {}

    def serve(self, request: dict[str, Any]) -> None:
        if request["do"] == "drop":
            found = self._nodes.pop(request["node"], None)
            if found is not None:
                found.close()
            return
        report = os.open(request["fifo"], os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if request["do"] == "open":
                report_on(report, self._open(request, report))
            elif not self._pass_on(request, report):
                report_on(report, {"status": "not_tried", "reason": GONE, "gone": True})
        except AbandonedError:
            self._workshop = None
        finally:
            os.close(report)

    def close(self) -> None:
        for found in self._nodes.values():
            found.close()
        if self._workshop is not None:
            self._workshop.finish_all()

    def _open(self, request: dict[str, Any], report: int) -> Message:
        tier, why = guard.available(())
        if tier == "none" and not request["allow_unguarded"]:
            return {"failed": f"No guard works here ({why.rstrip('.')})."}
        spec = TrialSpec.from_json(json.dumps({**json.loads(request["spec"]), "tier": tier}))
        self._workshop = Workshop(resources_of(spec), self._parent_pid, Outbox(report))
        ours, theirs = _socket_pair()
        state = State.from_json({"path": sys.path, **request["state"]})
        job = self._workshop.start(
            lambda confinement, ends: node.grow(state, confinement, ends), theirs.detach()
        )
        told = self._workshop.wait_for(job, "replayed", time.monotonic() + _REPLAY_SECONDS, show=True)
        if told is None or told.get("failed"):
            ours.close()
            failed = str(told["failed"]) if told else _why(job)
            self._workshop.finish(job)
            return {"failed": failed}
        job.hold()
        self._nodes[request["node"]] = ours
        return {"seconds": told.get("seconds"), "unsafe": told.get("unsafe", ""), "tier": tier}

    def _pass_on(self, request: dict[str, Any], report: int) -> bool:
        """Hand an order to a node; False when it is gone."""
        orders = self._nodes.get(request["node"])
        if orders is None:
            return False
        handed = [report]
        with contextlib.ExitStack() as stack:
            if request.get("keep_as"):
                self._nodes[request["keep_as"]], theirs = _socket_pair()
                stack.enter_context(theirs)
                handed.append(theirs.fileno())
            order = json.dumps({key: request[key] for key in ("do", "spec") if key in request}).encode()
            try:
                socket.send_fds(orders, [order], handed)
            except OSError:
                return False
        return True


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _why(job: Job) -> str:
    return (job.ending.failed if job.ending else "") or "Running the notebook's cells again did not end well."
