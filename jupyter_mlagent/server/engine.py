"""The one engine of a server, shared by every notebook; opened with the first request, exchangeable."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path

from jupyter_mlagent.engine.api import Engine, EngineInfo, GenerateEvent, GenerateRequest
from jupyter_mlagent.engine.closable import closable
from jupyter_mlagent.engine.status import EngineState, EngineStatus, StatusBoard, Watcher
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import ChatMessage

OpenEngine = Callable[[str | None], Engine]
ChooseAdapter = Callable[[], Awaitable[tuple[str, Path] | None]]
"""Name and file of the adapter that an engine starts with, if any."""


class SharedEngine:
    """An `Engine` in front of whichever one is in use.

    Requests of several notebooks take turns in the engine itself, by their cache key.
    """

    def __init__(self, open_engine: OpenEngine, spec: str | None = None) -> None:
        self._open = open_engine
        self._spec = spec
        self._engine: Engine | None = None
        self._board = StatusBoard()
        self.adapter: str | None = None
        """Name of the adapter in use; None: the base model as it is."""
        self.adapter_problem = ""
        """Why the engine started without the active adapter: one sentence."""
        self.choose_adapter: ChooseAdapter | None = None
        self._chosen = False
        self._choosing = asyncio.Lock()
        self._unwatch: Callable[[], None] | None = None

    @property
    def status(self) -> EngineStatus:
        return self._board.current

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with the status now and at every change; the result ends that."""
        return self._board.watch(watcher)

    @property
    def running(self) -> bool:
        """Whether a model is loaded."""
        return self.status.state in (EngineState.READY, EngineState.GENERATING)

    @property
    def model(self) -> str | None:
        """What was asked for; None: the default of this machine."""
        return self._spec

    async def use(self, spec: str | None) -> None:
        """Serve from another model from now on; raises ModelError when there is none of that name."""
        engine = self._open(spec)
        await self.close()
        self._spec = spec
        self._take(engine)

    async def start(self) -> EngineInfo:
        info = await self._current().start()
        if self._unwatch is None:
            self._board.show(EngineStatus(state=EngineState.READY, memory_bytes=info.memory_bytes))
        async with self._choosing:
            if not self._chosen:
                self._chosen = True
                await self._start_adapter()
        return info

    async def info(self) -> EngineInfo:
        return await self._current().info()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateEvent]:
        async with contextlib.aclosing(closable(self._current().generate(request))) as events:
            async for event in events:
                yield event

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return await self._current().count_tokens(messages)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._current().embed(texts)

    async def load_adapter(
        self, path: Path | None, scale: float = 1.0, *, name: str | None = None
    ) -> EngineInfo:
        info = await self._current().load_adapter(path, scale)
        self._chosen = True
        self.adapter = None if path is None else name or path.stem
        self.adapter_problem = ""
        return info

    async def close(self) -> None:
        engine, self._engine = self._engine, None
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        self.adapter, self.adapter_problem, self._chosen = None, "", False
        if engine is not None:
            with contextlib.suppress(Exception):
                await engine.close()
        self._board.show(EngineStatus())

    async def _start_adapter(self) -> None:
        """The model works without what was learned, too: what stands against it is told, not raised."""
        try:
            chosen = await self.choose_adapter() if self.choose_adapter else None
            if chosen is not None:
                await self.load_adapter(chosen[1], name=chosen[0])
        except MlagentError as error:
            self.adapter_problem = f"The active adapter is not in use: {error}"

    def _current(self) -> Engine:
        if self._engine is None:
            self._take(self._open(self._spec))
        assert self._engine is not None
        return self._engine

    def _take(self, engine: Engine) -> None:
        self._engine = engine
        watch = getattr(engine, "watch", None)
        if watch is not None:
            self._unwatch = watch(self._board.show)
