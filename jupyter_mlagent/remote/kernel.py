"""A kernel of a Jupyter server: cells run in it through the server's WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from typing import Any

import msgspec

from jupyter_mlagent.errors import KernelError, MlagentError
from jupyter_mlagent.kernel import DIED, CellRun, error_of
from jupyter_mlagent.remote.outputs import Outputs
from jupyter_mlagent.remote.server import Server

DROPPED = "The kernel dropped this cell since one before it raised; run it again."
GONE = "The Jupyter server went away while the cell ran; what it printed since is not here."


class RemoteKernel:
    """The methods of `LocalKernel` that a front end calls."""

    pid: int | None = None
    """Its process is the server's."""

    def __init__(self, server: Server, kernel_id: str) -> None:
        self.kernel_id = kernel_id
        self._server = server
        self._session = uuid.uuid4().hex
        self._outputs = Outputs()

    async def run_cell(self, source: str) -> CellRun:
        """Raises KernelError when kernel or server goes away under it. Cancelling interrupts the cell."""
        self._outputs = Outputs()
        began = time.perf_counter()
        socket = await self._connect()
        try:
            count = await self._execute(socket, source)
        except asyncio.CancelledError:
            with contextlib.suppress(MlagentError):
                await self.interrupt()
            raise
        finally:
            socket.close()
        outputs = self._outputs.shown
        return CellRun(
            outputs=outputs,
            execution_count=count,
            seconds=time.perf_counter() - began,
            error=error_of(outputs),
        )

    @property
    def live_outputs(self) -> tuple[dict[str, Any], ...]:
        return self._outputs.shown

    async def interrupt(self) -> None:
        await self._server.interrupt(self.kernel_id)

    async def restart(self) -> None:
        await self._server.restart(self.kernel_id)

    async def _connect(self) -> Any:
        from tornado.httpclient import HTTPRequest
        from tornado.websocket import websocket_connect

        address = self._server.address
        url = f"{address.socket_url}api/kernels/{self.kernel_id}/channels?session_id={self._session}"
        request = HTTPRequest(url, headers=address.headers, connect_timeout=5, request_timeout=10)
        try:
            return await websocket_connect(request, max_message_size=1 << 28)
        except Exception as error:
            raise KernelError(f"The kernel on the Jupyter server cannot be reached ({error}).") from error

    async def _execute(self, socket: Any, source: str) -> int | None:
        request = execute_request(source, self._session)
        own = request["header"]["msg_id"]
        socket.write_message(msgspec.json.encode(request).decode())
        count: int | None = None
        replied = idle = False
        while not (replied and idle):
            text = await socket.read_message()
            if text is None:
                raise KernelError(GONE)
            message = msgspec.json.decode(text)
            kind, content = message["msg_type"], message["content"]
            state = content.get("execution_state") if kind == "status" else None
            if state in ("restarting", "autorestarting", "dead"):
                raise KernelError(DIED)
            if message.get("parent_header", {}).get("msg_id") != own:
                continue
            if kind == "execute_reply":
                replied, count = True, content.get("execution_count")
                if content.get("status") == "aborted":
                    raise KernelError(DROPPED)
            elif state == "idle":
                idle = True
            else:
                self._outputs.hear(kind, content)
        return count


def execute_request(source: str, session: str) -> dict[str, Any]:
    """In the form of Jupyter's messaging protocol 5.3."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "mlagent",
        "session": session,
        "version": "5.3",
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    content = {
        "code": source,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": False,
    }
    return {
        "channel": "shell",
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "buffers": [],
    }
