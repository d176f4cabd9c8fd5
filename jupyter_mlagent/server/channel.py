"""The WebSocket of one page that shows one notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import ws_authenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Record
from jupyter_mlagent.server import messages
from jupyter_mlagent.server.learning import Learning
from jupyter_mlagent.server.room import Room
from jupyter_mlagent.server.rooms import Rooms

AUTH_RESOURCE = "mlagent"


class NotebookChannel(WebSocketMixin, WebSocketHandler, JupyterHandler):
    """`GET mlagent/notebook?path=...`, upgraded; what is said is in messages.py.

    `&was=...` is the path before the notebook was renamed while nobody was connected.
    """

    auth_resource = AUTH_RESOURCE
    room: Room | None = None
    _unwatch: Sequence[Callable[[], None]] = ()

    def check_origin(self, origin: str | None = None) -> bool:
        # Named, so that no change in the order of base classes lets tornado's own (laxer) rule win.
        return bool(JupyterHandler.check_origin(self, origin or ""))

    @ws_authenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        allowed = await ensure_async(
            self.authorizer.is_authorized(self, self.current_user, "execute", self.auth_resource)
        )
        if not allowed:
            raise web.HTTPError(403)
        if not self.get_query_argument("path", ""):
            raise web.HTTPError(400, "Which notebook? Add ?path=...")
        await WebSocketHandler.get(self, *args, **kwargs)

    def open(self, *args: Any, **kwargs: Any) -> None:
        super().open(*args, **kwargs)
        rooms: Rooms = self.settings["mlagent_rooms"]
        self._path = self.get_query_argument("path")
        was = self.get_query_argument("was", "")
        self._queue: asyncio.Queue[str | bytes] = asyncio.Queue()
        self._comparing: set[asyncio.Future[None]] = set()
        self._reader = asyncio.ensure_future(self._read())
        self.room = rooms.rename(was, self._path) if was else rooms.room(self._path)
        self.tell(self.room.join(self.tell))
        learning: Learning = self.settings["mlagent_learning"]
        self._unwatch = [
            rooms.engine.watch(lambda status: self.tell(messages.EngineChanged(engine=status))),
            learning.watch(self.tell),
        ]

    def on_close(self) -> None:
        super().on_close()
        if self.room is None:
            return
        for unwatch in self._unwatch:
            unwatch()
        self._reader.cancel()
        self.room.leave(self.tell)

    def tell(self, message: Record) -> None:
        try:
            self.write_message(messages.write(message))
        except WebSocketClosedError:
            self.log.debug("A page of %s is gone.", self._path)

    def on_message(self, message: str | bytes) -> None:
        self._queue.put_nowait(message)

    async def _read(self) -> None:
        """One message after the other, in the order they came."""
        while True:
            data = await self._queue.get()
            number: int | None = None
            try:
                message = messages.read(data)
                number = getattr(message, "id", None)
                await self._obey(message)
            except MlagentError as error:
                self.tell(messages.Problem(id=number, message=str(error)))
            except Exception:
                self.log.exception("mlagent: a message of %s failed", self._path)
                self.tell(messages.Problem(id=number, message="That failed; the server's log says why."))

    async def _obey(self, message: messages.FromBrowser) -> None:
        room = self.room
        assert room is not None
        match message:
            case messages.Hello():
                room.hello(message.kernel_id)
            case messages.Rename():
                self._rename(message.path)
            case messages.Ask():
                await room.ask(message)
            case messages.Fly():
                await room.fly(message, self.tell)
            case messages.Explore():
                await room.explore(message)
            case messages.SearchKeep():
                await room.keep(message, self.tell)
            case messages.Stop():
                await room.stop()
            case messages.Accept():
                self.tell(room.accept(message))
            case messages.Ran():
                comparing = asyncio.ensure_future(self._compare(room, message))
                self._comparing.add(comparing)
                comparing.add_done_callback(self._comparing.discard)
            case messages.Reject():
                self.tell(room.reject(message))
            case messages.Undo():
                room.undo(message)
            case messages.FindMetrics():
                self.tell(room.find_metrics(message))
            case messages.SetMetric():
                self.tell(room.set_metric(message))
            case messages.Applied():
                room.applied(message)
            case messages.Complete():
                await room.completions.start(message, self.tell)
            case messages.CancelCompletion():
                await room.completions.cancel(message.id)
            case _:
                if (answer := room.steer(message)) is not None:
                    self.tell(answer)

    def _rename(self, path: str) -> None:
        rooms: Rooms = self.settings["mlagent_rooms"]
        room, before = rooms.rename(self._path, path), self.room
        self._path = path
        if before is not None and room is not before:
            before.leave(self.tell)
            self.room = room
            self.tell(room.join(self.tell))

    async def _compare(self, room: Room, message: messages.Ran) -> None:
        try:
            await room.ran(message)
        except MlagentError as error:
            self.tell(messages.Problem(id=message.id, message=str(error)))
