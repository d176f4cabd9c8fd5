"""A link to a kernel through a jupyter_client client with channels of its own."""

from __future__ import annotations

import ast
import asyncio
from typing import Any

from jupyter_mlagent.errors import KernelError

WAIT_SECONDS = 120.0
_POLL_SECONDS = 0.5
_MIME = "application/vnd.mlagent.text"
_KEY = "mlagent"


def wrapped(expression: str) -> str:
    """An expression that carries a text past whatever formats results in that kernel (rich.pretty, say)."""
    bundle = f"lambda self, **_: ({{{_MIME!r}: str(self.text)}}, {{}})"
    return f"type('Text', (), {{'_repr_mimebundle_': {bundle}, 'text': ({expression})}})()"


def text_of(reply: dict[str, Any]) -> str:
    """The value of a `wrapped` expression from an execute reply's content.

    Raises KernelError with the exception's name when the expression raised.
    """
    found = reply.get("user_expressions", {}).get(_KEY, {})
    if found.get("status") == "ok":
        data = found.get("data", {})
        if _MIME in data:
            return str(data[_MIME])
        text = ast.literal_eval(data.get("text/plain", "None"))
        if isinstance(text, str):
            return text
        raise KernelError("The kernel answered a silent request with something else than text.")
    name, value = found.get("ename") or reply.get("ename"), found.get("evalue") or reply.get("evalue")
    raise KernelError(f"The kernel could not answer a silent request: {name}: {value}.")


class ClientLink:
    """A `KernelLink` over an `AsyncKernelClient` that nobody else reads replies from."""

    def __init__(self, client: Any, python: str | None = None, *, wait_seconds: float = WAIT_SECONDS) -> None:
        """`wait_seconds`: how long a request may wait for a busy kernel."""
        self._client = client
        self._python = python
        self._wait_seconds = wait_seconds
        self._lock = asyncio.Lock()

    @property
    def python(self) -> str | None:
        return self._python

    async def evaluate(self, expression: str) -> str:
        async with self._lock:
            request = self._client.execute(
                "",
                silent=True,
                store_history=False,
                allow_stdin=False,
                user_expressions={_KEY: wrapped(expression)},
            )
            return text_of(await self._reply(request))

    async def _reply(self, request: str) -> dict[str, Any]:
        from queue import Empty

        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._wait_seconds
        while True:
            try:
                message = await self._client.get_shell_msg(timeout=_POLL_SECONDS)
            except Empty:
                if not await self._client.is_alive():
                    raise KernelError("The kernel is dead; restart it and run its cells again.") from None
                if loop.time() > deadline:
                    raise KernelError(
                        f"The kernel has been busy for {self._wait_seconds:.0f} s; try again when it is idle."
                    ) from None
                continue
            if message["parent_header"].get("msg_id") == request:
                return dict(message["content"])
