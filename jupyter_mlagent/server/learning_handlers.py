"""HTTP routes below `mlagent/` for what is learned on this machine: adapters, and the trainer's run."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from jupyter_server.auth.decorator import authorized
from tornado import web

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Record
from jupyter_mlagent.server.handlers import MlagentHandler
from jupyter_mlagent.server.learning import Learning
from jupyter_mlagent.training_events import TrainingKind

T = TypeVar("T")


class Named(Record):
    name: str


class UseAdapter(Record):
    name: str | None


class StartTraining(Record):
    kind: TrainingKind = TrainingKind.VERDICTS


class LearningHandler(MlagentHandler):
    """Base: what cannot be done now is a 409 with one sentence."""

    @property
    def learning(self) -> Learning:
        learning: Learning = self.settings["mlagent_learning"]
        return learning

    async def attempt(self, doing: Awaitable[T]) -> T:
        try:
            return await doing
        except MlagentError as error:
            raise web.HTTPError(409, str(error)) from None


class AdaptersHandler(LearningHandler):
    """What was learned here; POST switches to one of them, or with null back to the base model."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.answer(await self.attempt(self.learning.table()))

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wish: UseAdapter = self.wish(UseAdapter)
        table = await self.attempt(self.learning.table())
        if wish.name is not None and wish.name not in table.adapters:
            raise web.HTTPError(404, f"There is no adapter '{wish.name}' on this machine.")
        await self.attempt(self.learning.use(wish.name))
        self.answer(await self.attempt(self.learning.table()))


class ComparisonHandler(LearningHandler):
    """One adapter against the one in use, on tasks that neither was trained on."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        name = self.get_query_argument("name", "")
        if not name:
            raise web.HTTPError(400, "Which adapter? Add ?name=...")
        self.answer(await self.attempt(self.learning.compare(name)))


class PromotionHandler(LearningHandler):
    """POST promotes an adapter, DELETE rolls the last promotion back; the engine swaps at once."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wish: Named = self.wish(Named)
        await self.attempt(self.learning.promote(wish.name))
        self.answer(await self.attempt(self.learning.table()))

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        await self.attempt(self.learning.roll_back())
        self.answer(await self.attempt(self.learning.table()))


class TrainingHandler(LearningHandler):
    """The trainer's run; POST starts one. What happens in it is told on the WebSocket, too."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        self.answer(await self.learning.look())

    @web.authenticated
    @authorized
    async def post(self) -> None:
        wish: StartTraining = self.wish(StartTraining)
        await self.attempt(self.learning.start(wish.kind))
        self.answer(self.learning.status)


class TrainingPauseHandler(LearningHandler):
    """POST has the trainer give the device back after the update under way, DELETE lets it go on."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        await self.attempt(self.learning.pause())
        self.answer(self.learning.status)

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        await self.attempt(self.learning.resume())
        self.answer(self.learning.status)
