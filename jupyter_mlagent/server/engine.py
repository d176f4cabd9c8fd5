"""The one engine of a server, shared by every notebook; opened with the first request, exchangeable."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path

from jupyter_mlagent import paths
from jupyter_mlagent.engine.api import Engine, EngineInfo, GenerateEvent, GenerateRequest
from jupyter_mlagent.engine.status import EngineState, EngineStatus, StatusBoard, Watcher
from jupyter_mlagent.records import ChatMessage

OpenEngine = Callable[[str | None], Engine]


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
        """Name of the adapter in use, below the folder of adapters."""
        self._unwatch: Callable[[], None] | None = None

    @property
    def status(self) -> EngineStatus:
        return self._board.current

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with the status now and at every change; the result ends that."""
        return self._board.watch(watcher)

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
        return info

    async def info(self) -> EngineInfo:
        return await self._current().info()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateEvent]:
        events: AsyncIterator[GenerateEvent] = self._current().generate(request)
        try:
            async for event in events:
                yield event
        finally:
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return await self._current().count_tokens(messages)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._current().embed(texts)

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:
        info = await self._current().load_adapter(path, scale)
        self.adapter = None if path is None else _name_of(path)
        return info

    async def close(self) -> None:
        engine, self._engine = self._engine, None
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        self.adapter = None
        if engine is not None:
            with contextlib.suppress(Exception):
                await engine.close()
        self._board.show(EngineStatus())

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


def _name_of(path: Path) -> str:
    folder = paths.adapters_dir()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path).removesuffix(".gguf")
