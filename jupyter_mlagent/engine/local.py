"""llama.cpp in a worker process of its own, as an Engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

from jupyter_mlagent.engine.active import Follower
from jupyter_mlagent.engine.api import EngineInfo, GenerateEvent, GenerateRequest
from jupyter_mlagent.engine.call import Call, WorkerDied
from jupyter_mlagent.engine.encodable import encodable, encodable_message, encodable_request
from jupyter_mlagent.engine.link import WORKER_COMMAND, WorkerLink
from jupyter_mlagent.engine.protocol import (
    Command,
    CountTokens,
    Embed,
    Embedded,
    Event,
    Generate,
    Generated,
    Load,
    TokensCounted,
)
from jupyter_mlagent.engine.status import EngineState, EngineStatus, Watcher
from jupyter_mlagent.engine.supervisor import Supervisor, set_adapter
from jupyter_mlagent.engine.threads import usable_cores
from jupyter_mlagent.engine.turns import Turns
from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.records import ChatMessage

IDLE_PREFIX_BYTES = 256 << 20
"""Memory for the evaluated prompts of notebooks that are not being served."""


CANCEL_SECONDS = 20.0
"""A worker that has not let go of a cancelled request by then hangs, and is replaced."""


class LlamaEngine:
    """One model in one worker, shared by any number of notebooks (they take turns by `cache_key`).

    The worker starts with the first request (or `start`), restarts by itself after a crash, and ends
    with `close` or with this process. To be used from one event loop at a time.
    """

    def __init__(
        self,
        model_path: Path | str,
        *,
        context_tokens: int = 8192,
        threads: int | None = None,
        gpu_layers: int = -1,
        name: str | None = None,
        sha256: str | None = None,
        idle_prefix_bytes: int = IDLE_PREFIX_BYTES,
        cancel_seconds: float = CANCEL_SECONDS,
        worker_command: Sequence[str] = WORKER_COMMAND,
        follower: Follower | None = None,
    ) -> None:
        """`context_tokens`: at most, as the model's training sets a limit too. `threads`: None for the
        cores that this process may use. `gpu_layers`: -1 for all (a build for a GPU), 0 for none.
        `follower`: serve with the adapter that is in use for this model, until `load_adapter` names one."""
        path = Path(model_path).expanduser().absolute()
        self._name = name or path.name
        self._sha256 = sha256
        self._context_tokens = context_tokens
        load = Load(
            path=str(path),
            context_tokens=context_tokens,
            threads=threads or usable_cores(),
            gpu_layers=gpu_layers,
            idle_prefix_bytes=idle_prefix_bytes,
        )
        self._supervisor = Supervisor(load, worker_command=worker_command)
        self._follower = follower
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns = Turns()
        self._cancel_seconds = cancel_seconds

    @property
    def status(self) -> EngineStatus:
        return self._supervisor.board.current

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with the status now and at every change; the result ends that."""
        return self._supervisor.board.watch(watcher)

    @property
    def log(self) -> tuple[str, ...]:
        """The last warnings and errors that llama.cpp logged."""
        return self._supervisor.log

    async def start(self) -> EngineInfo:
        self._adopt_loop()
        await self._linked()
        return await self.info()

    async def info(self) -> EngineInfo:
        link, ready, adapter = self._supervisor.link, self._supervisor.ready, self._supervisor.adapter
        return EngineInfo(
            model=self._name,
            context_tokens=ready.context_tokens if ready else self._context_tokens,
            model_sha256=self._sha256,
            adapter=str(adapter[0]) if adapter else None,
            fim=bool(ready and ready.fim_tokens),
            fim_tokens=ready.fim_tokens if ready else None,
            grammar=True,
            logprobs=True,
            prefills=True,
            worker_pid=link.pid if link else None,
            memory_bytes=self._supervisor.memory_bytes() if link else None,
        )

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateEvent]:
        plain = encodable_request(request)
        turns = self._adopt_loop()
        await turns.take(request.cache_key)
        call: Call | None = None
        try:
            link = await self._linked()
            await self._follow(link)
            self._supervisor.show(EngineState.GENERATING)
            call = link.call(lambda id: Generate(id=id, request=plain))
            async for event in call.events():
                if isinstance(event, Generated):
                    yield event.event
            self._supervisor.served()
        except WorkerDied as died:
            raise EngineError(self._supervisor.sentence(died.death)) from None
        finally:
            self._end_turn(turns, call)

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        plain = tuple(encodable_message(message) for message in messages)
        self._adopt_loop()
        link = await self._supervisor.linked()
        answer = await self._answer(link.call(lambda id: CountTokens(id=id, messages=plain)))
        assert isinstance(answer, TokensCounted)
        return answer.tokens

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        plain = tuple(encodable(text) for text in texts)
        answer = await self._in_turn(lambda id: Embed(id=id, texts=plain))
        assert isinstance(answer, Embedded)
        return [list(vector) for vector in answer.vectors]

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:
        if path is not None and not path.is_file():
            raise EngineError(f"The adapter {path} does not exist: give the path of a GGUF adapter.")
        adapter = (path.absolute(), scale) if path else None
        await self._in_turn(set_adapter(adapter))
        self._follower = None
        self._supervisor.adapter = adapter
        return await self.info()

    async def close(self) -> None:
        await self._supervisor.close()

    async def _linked(self) -> WorkerLink:
        """The living worker; one that has to be started has the adapter in use from the first."""
        if self._follower is not None and self._supervisor.link is None:
            path = self._follower.current()
            self._supervisor.adapter = (path, 1.0) if path else None
        return await self._supervisor.linked()

    async def _follow(self, link: WorkerLink) -> None:
        """Swap to the adapter in use, where that has changed since the last request."""
        if self._follower is None:
            return
        path = self._follower.current()
        wanted = (path, 1.0) if path else None
        if wanted != self._supervisor.adapter:
            await self._answer(link.call(set_adapter(wanted)))
            self._supervisor.adapter = wanted

    async def _in_turn(self, make: Callable[[int], Command]) -> Event:
        """The answer to a command that has to wait until the worker is free."""
        turns = self._adopt_loop()
        await turns.take("")
        call: Call | None = None
        try:
            link = await self._supervisor.linked()
            self._supervisor.show(EngineState.GENERATING)
            call = link.call(make)
            return await self._answer(call)
        finally:
            self._end_turn(turns, call)

    async def _answer(self, call: Call) -> Event:
        try:
            return await call.answer()
        except WorkerDied as died:
            raise EngineError(self._supervisor.sentence(died.death)) from None

    def _end_turn(self, turns: Turns, call: Call | None) -> None:
        """Give the turn back; after a cancelled call, once the worker has let go of it."""
        if call is None or call.ended:
            self._give(turns)
            return
        call.cancel()
        link = self._supervisor.link
        hangs = asyncio.get_running_loop().call_later(
            self._cancel_seconds, lambda: link.give_up() if link else None
        )

        def let_go() -> None:
            hangs.cancel()
            self._give(turns)

        call.when_ended(let_go)

    def _give(self, turns: Turns) -> None:
        self._supervisor.show(EngineState.READY)
        turns.give()

    def _adopt_loop(self) -> Turns:
        """The queue of this event loop; drops a worker whose loop is gone, e.g. after `asyncio.run`."""
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop:
            self._supervisor.abandon()
            self._turns = Turns()
        self._loop = loop
        return self._turns
