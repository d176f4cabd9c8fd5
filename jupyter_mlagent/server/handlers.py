"""HTTP routes below `mlagent/`: what the engine does, the models, the journal (learning: its own file)."""

from __future__ import annotations

import asyncio
import posixpath
from typing import Any
from urllib.parse import quote

import msgspec
from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from jupyter_mlagent import __version__
from jupyter_mlagent.engine.status import EngineStatus
from jupyter_mlagent.errors import JournalError, MlagentError, ModelError
from jupyter_mlagent.journal import StepFilter
from jupyter_mlagent.records import Record
from jupyter_mlagent.server.channel import AUTH_RESOURCE
from jupyter_mlagent.server.models import ModelList
from jupyter_mlagent.server.rooms import Rooms

STEPS_SHOWN = 500


class Status(Record):
    """`GET mlagent/status`"""

    version: str
    model: str | None
    """None: the default one of this machine."""
    engine: EngineStatus
    notebooks: int
    journal_problem: str


class MlagentHandler(APIHandler):
    """Base of all routes: JSON, and the server's own words for who may use them."""

    auth_resource = AUTH_RESOURCE

    @property
    def rooms(self) -> Rooms:
        rooms: Rooms = self.settings["mlagent_rooms"]
        return rooms

    @property
    def models(self) -> ModelList:
        models: ModelList = self.settings["mlagent_models"]
        return models

    def answer(self, value: Any) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(msgspec.json.encode(value))

    def answer_models(self) -> None:
        engine = self.rooms.engine
        self.answer(self.models.list(engine.model, running=engine.running))

    def wish(self, kind: type[Any]) -> Any:
        try:
            return msgspec.json.decode(self.request.body or b"{}", type=kind)
        except msgspec.DecodeError as error:
            raise web.HTTPError(400, f"The request is not understood ({error}).") from None


class StatusHandler(MlagentHandler):
    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.answer(
            Status(
                version=__version__,
                model=self.rooms.engine.model,
                engine=self.rooms.engine.status,
                notebooks=len(self.rooms),
                journal_problem=self.settings["mlagent_journal_problem"],
            )
        )


class UseModel(Record):
    name: str


class ModelsHandler(MlagentHandler):
    """The catalog with what is on this machine; POST switches the engine to one of them."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.answer_models()

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wish: UseModel = self.wish(UseModel)
        try:
            await self.rooms.engine.use(wish.name)
        except ModelError as error:
            raise web.HTTPError(409, str(error)) from None
        self.answer_models()


class DownloadHandler(MlagentHandler):
    """POST starts fetching a model (its progress is in `GET mlagent/models`), DELETE ends that."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wish: UseModel = self.wish(UseModel)
        try:
            self.models.download(wish.name)
        except ModelError as error:
            raise web.HTTPError(404, str(error)) from None
        self.set_status(202)
        self.answer_models()

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        self.models.cancel()
        self.answer_models()


class JournalHandler(MlagentHandler):
    """The steps of one notebook, newest first."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        path = self.get_query_argument("path", "")
        if not path:
            raise web.HTTPError(400, "Which notebook? Add ?path=...")
        journal = self.rooms.journal
        if journal is None:
            self.answer(())
            return
        wanted = StepFilter(notebook=self.rooms.file_of(path), limit=STEPS_SHOWN)
        try:
            self.answer(await asyncio.to_thread(journal.steps, wanted))
        except JournalError as error:
            raise web.HTTPError(503, str(error)) from None


class StepHandler(MlagentHandler):
    """Everything about one step."""

    @web.authenticated
    @authorized
    async def get(self, number: str) -> None:
        journal = self.rooms.journal
        try:
            if journal is None:
                raise JournalError("There is no journal.")
            step = await asyncio.to_thread(journal.step, int(number))
        except JournalError as error:
            raise web.HTTPError(404, str(error)) from None
        self.answer({"plan": step.proposal.plan, "code": step.proposal.code, "trial": step.trial})


class SearchHandler(MlagentHandler):
    """The last search over a notebook, to be kept as a file."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        from jupyter_mlagent.search.export import aide_journal, page

        path = self.get_query_argument("path", "")
        if not path:
            raise web.HTTPError(400, "Which notebook? Add ?path=...")
        name = posixpath.basename(path).removesuffix(".ipynb")
        try:
            tree = self.rooms.room(path).exploration.tree
        except MlagentError as error:
            raise web.HTTPError(404, str(error)) from None
        form = self.get_query_argument("form", "html")
        text = aide_journal(tree) if form == "json" else page(tree, f"Search over {name}")
        kind = "application/json" if form == "json" else "text/html; charset=utf-8"
        # Never shown in this origin: it holds what a model wrote.
        self.set_header("Content-Type", kind)
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(name)}-search.{form}")
        self.finish(text)
