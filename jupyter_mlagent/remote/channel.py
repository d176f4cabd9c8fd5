"""The agent's WebSocket for one notebook: events come in, questions get answers; it comes back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec

from jupyter_mlagent import autopilot, events
from jupyter_mlagent.acceptance import StaleProposalError
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Record
from jupyter_mlagent.remote.server import Address
from jupyter_mlagent.search.commands import NodePath, SearchAnswer, SearchLook, SearchPath
from jupyter_mlagent.search.events import SearchEvent
from jupyter_mlagent.search.view import NodeDetail
from jupyter_mlagent.server import messages

FromServer = (
    events.SuggestEvent
    | SearchEvent
    | NodeDetail
    | NodePath
    | autopilot.StepBegan
    | autopilot.StepKept
    | autopilot.StepSkipped
    | autopilot.FlightEnded
    | messages.RoomState
    | messages.EngineChanged
    | messages.MetricChanged
    | messages.Working
    | messages.Accepted
    | messages.Judged
    | messages.Measured
    | messages.Done
    | messages.FoundMetrics
    | messages.Apply
    | messages.Retract
    | messages.Completion
    | messages.Problem
)
ANSWERS = (messages.Accepted, messages.Measured, messages.Done, messages.FoundMetrics, messages.Problem)
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds between two attempts to reach a server that is gone."""
CLOSED_FOR_GOOD = "The session with the Jupyter server has ended."


class Connected(Record, tag="connected"):
    """Whether the server is there; a front end may be told it many times."""

    there: bool
    sentence: str = ""


class Channel:
    """Tells `hear` everything, on the loop that `run` runs on."""

    def __init__(self, address: Address, path: str, hear: Callable[[Record], None]) -> None:
        self._url = f"{address.socket_url}mlagent/notebook?path={quote(path)}"
        self._headers = address.headers
        self._hear = hear
        self._socket: Any = None
        self._numbers = itertools.count(1)
        self._awaited: dict[object, asyncio.Future[Any]] = {}
        self._decoder = msgspec.json.Decoder(FromServer)

    @property
    def connected(self) -> bool:
        return self._socket is not None

    async def run(self) -> None:
        """Stay connected until cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._connect()
                pause = FIRST_PAUSE
                await self._read()
            except MlagentError as error:
                self._hear(Connected(there=False, sentence=str(error)))
            finally:
                self._lost()
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 2)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._lost()

    def say(self, message: Record) -> None:
        """Raises MlagentError while the server is not there."""
        if self._socket is None:
            raise MlagentError("The Jupyter server cannot be reached at the moment; trying again.")
        self._socket.write_message(messages.write(message))

    async def ask(self, make: Callable[[int], Record]) -> Any:
        """The answer to the message that `make` makes from a number.

        Raises what the server refuses as: StaleProposalError, MlagentError.
        """
        number = next(self._numbers)
        found = await self._answer_to(make(number), number)
        if isinstance(found, messages.Problem):
            raise StaleProposalError(found.message) if found.stale else MlagentError(found.message)
        return found

    async def ask_of_node(self, command: SearchLook | SearchPath) -> SearchAnswer:
        """What the server knows of a node of its search. Raises MlagentError while it is not there."""
        kind = NodeDetail if isinstance(command, SearchLook) else NodePath
        answer: SearchAnswer = await self._answer_to(command, (kind, command.node))
        return answer

    async def _answer_to(self, message: Record, key: object) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._awaited[key] = answer
        try:
            self.say(message)
            return await answer
        finally:
            self._awaited.pop(key, None)

    async def _connect(self) -> None:
        from tornado.httpclient import HTTPClientError, HTTPRequest
        from tornado.websocket import websocket_connect

        request = HTTPRequest(self._url, headers=self._headers, connect_timeout=5, request_timeout=5)
        try:
            self._socket = await websocket_connect(request, ping_interval=10)
        except HTTPClientError as error:
            raise MlagentError(f"The Jupyter server refused to share its session ({error}).") from error
        except Exception as error:
            raise MlagentError("The Jupyter server cannot be reached; trying again.") from error
        self._hear(Connected(there=True))

    async def _read(self) -> None:
        while True:
            text = await self._socket.read_message()
            if text is None:
                raise MlagentError("The Jupyter server went away; trying again.")
            # Words of a newer server that are not understood are no reason to leave.
            with contextlib.suppress(msgspec.DecodeError):
                self._heard(self._decoder.decode(text))

    def _heard(self, message: Any) -> None:
        key: object = None
        if isinstance(message, NodeDetail | NodePath):
            key = (type(message), message.node)
        elif isinstance(message, ANSWERS):
            key = message.id
        awaited = self._awaited.get(key)
        if awaited is not None and not awaited.done():
            awaited.set_result(message)
            return
        self._hear(message)

    def _lost(self) -> None:
        self._socket = None
        for awaited in self._awaited.values():
            if not awaited.done():
                awaited.set_exception(MlagentError(CLOSED_FOR_GOOD))
