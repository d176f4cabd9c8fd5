"""llama.cpp in a worker process of its own, as an Engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from jupyter_mlagent.engine.api import EngineInfo, GenerateEvent, GenerateRequest
from jupyter_mlagent.engine.cpu import read_cpu
from jupyter_mlagent.engine.diagnosis import Death, Phase, diagnose
from jupyter_mlagent.engine.link import WORKER_COMMAND, Call, WorkerDied, WorkerLink
from jupyter_mlagent.engine.protocol import (
    Command,
    CountTokens,
    Embed,
    Embedded,
    Event,
    Generate,
    Generated,
    Load,
    Ready,
    SetAdapter,
    TokensCounted,
)
from jupyter_mlagent.engine.status import EngineState, EngineStatus, StatusBoard, Watcher
from jupyter_mlagent.engine.threads import usable_cores
from jupyter_mlagent.engine.turns import Turns
from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.records import ChatMessage

IDLE_PREFIX_BYTES = 256 << 20
"""Memory for the evaluated prompts of notebooks that are not being served."""

_DEATHS_IN_A_ROW = 3
"""So many deaths without one request served in between, and the worker is not restarted by itself."""

_RESTARTING = "; it is being restarted, ask again"


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
        worker_command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        """`gpu_layers`: -1 for all (builds for a GPU only), 0 for none. `threads`: None for the cores
        that this process may use."""
        self._path = Path(model_path).expanduser().absolute()
        self._name = name or self._path.name
        self._sha256 = sha256
        self._worker_command = tuple(worker_command)
        self._load = Load(
            path=str(self._path),
            context_tokens=context_tokens,
            threads=threads or usable_cores(),
            gpu_layers=gpu_layers,
            idle_prefix_bytes=idle_prefix_bytes,
        )
        self._adapter: tuple[Path, float] | None = None
        self._board = StatusBoard()
        self._link: WorkerLink | None = None
        self._ready: Ready | None = None
        self._starting: asyncio.Task[WorkerLink] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turns = Turns()
        self._deaths = 0

    @property
    def status(self) -> EngineStatus:
        return self._board.current

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call `watcher` with the status now and at every change; the result ends that."""
        return self._board.watch(watcher)

    @property
    def log(self) -> tuple[str, ...]:
        """The last lines that llama.cpp logged."""
        return self._link.log if self._link else ()

    async def start(self) -> EngineInfo:
        await self._linked()
        return await self.info()

    async def info(self) -> EngineInfo:
        alive = self._link is not None and self._link.death is None and self._ready is not None
        return EngineInfo(
            model=self._name,
            context_tokens=self._load.context_tokens,
            model_sha256=self._sha256,
            adapter=str(self._adapter[0]) if self._adapter else None,
            fim=bool(self._ready and self._ready.fim_tokens),
            fim_tokens=self._ready.fim_tokens if self._ready else None,
            grammar=True,
            logprobs=True,
            worker_pid=self._link.pid if alive and self._link else None,
            memory_bytes=self._memory() if alive else None,
        )

    async def generate(self, request: GenerateRequest) -> AsyncIterator[GenerateEvent]:
        plain = _encodable_request(request)
        turns = self._turns_of_this_loop()
        await turns.take(request.cache_key)
        call: Call | None = None
        try:
            link = await self._linked()
            self._show(EngineState.GENERATING)
            call = link.call(lambda id: Generate(id=id, request=plain))
            async for event in call.events():
                if isinstance(event, Generated):
                    yield event.event
            self._deaths = 0
        except WorkerDied as died:
            raise EngineError(self._sentence(died.death)) from None
        finally:
            self._end_turn(turns, call)

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        plain = tuple(_encodable_message(message) for message in messages)
        link = await self._linked()
        answer = await self._answer(link.call(lambda id: CountTokens(id=id, messages=plain)))
        assert isinstance(answer, TokensCounted)
        return answer.tokens

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        plain = tuple(_encodable(text) for text in texts)
        answer = await self._in_turn(lambda id: Embed(id=id, texts=plain))
        assert isinstance(answer, Embedded)
        return [list(vector) for vector in answer.vectors]

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:
        if path is not None and not path.is_file():
            raise EngineError(f"The adapter {path} does not exist: give the path of a GGUF adapter.")
        adapter = (path.absolute(), scale) if path else None
        await self._in_turn(_set_adapter(adapter))
        self._adapter = adapter
        return await self.info()

    async def close(self) -> None:
        if self._starting:
            self._starting.cancel()
            with suppress(asyncio.CancelledError, EngineError):
                await self._starting
        if self._link:
            await self._link.close()
        self._link = self._ready = self._starting = None
        self._board.show(EngineStatus())

    async def _in_turn(self, make: Callable[[int], Command]) -> Event:
        """The answer to a command that has to wait until the worker is free."""
        turns = self._turns_of_this_loop()
        await turns.take("")
        call: Call | None = None
        try:
            link = await self._linked()
            self._show(EngineState.GENERATING)
            call = link.call(make)
            return await self._answer(call)
        finally:
            self._end_turn(turns, call)

    async def _answer(self, call: Call) -> Event:
        try:
            return await call.answer()
        except WorkerDied as died:
            raise EngineError(self._sentence(died.death)) from None

    def _end_turn(self, turns: Turns, call: Call | None) -> None:
        """Give the turn back; after a cancelled call, once the worker has let go of it."""

        def give() -> None:
            if self._link and self._ready and not self._link.death:
                self._show(EngineState.READY)
            turns.give()

        if call is None:
            give()
        else:
            call.cancel()
            call.when_ended(give)

    def _turns_of_this_loop(self) -> Turns:
        """The queue; first drops a worker whose event loop is gone, e.g. after an earlier asyncio.run."""
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop:
            if self._link:
                self._link.kill()
            self._link = self._ready = self._starting = None
            self._turns = Turns()
        self._loop = loop
        return self._turns

    async def _linked(self) -> WorkerLink:
        """The living worker, started if need be; concurrent callers share one start."""
        self._turns_of_this_loop()
        if self._link and self._ready and not self._link.death:
            return self._link
        if self._starting is None:
            self._launch(EngineStatus(state=EngineState.STARTING))
        assert self._starting is not None
        return await asyncio.shield(self._starting)

    def _launch(self, status: EngineStatus) -> None:
        self._board.show(status)
        self._ready = None
        self._starting = asyncio.create_task(self._start_worker())
        self._starting.add_done_callback(self._launched)

    def _launched(self, starting: asyncio.Task[WorkerLink]) -> None:
        if self._starting is starting:
            self._starting = None
        if starting.cancelled():
            return
        if error := starting.exception():
            self._board.show(EngineStatus(message=str(error)))
        else:
            self._show(EngineState.READY)

    async def _start_worker(self) -> WorkerLink:
        self._check_file()
        self._link = link = WorkerLink(
            command=self._worker_command, on_progress=self._progressed, on_death=self._died
        )
        try:
            ready = await link.start(self._load)
            if self._adapter:
                adapter, self._adapter = self._adapter, None
                await link.call(_set_adapter(adapter)).answer()
                self._adapter = adapter
        except WorkerDied as died:
            raise EngineError(self._sentence(died.death)) from None
        except OSError as error:
            raise EngineError(f"The model worker cannot be started: {error}.") from None
        self._ready = ready
        return link

    def _check_file(self) -> None:
        try:
            with self._path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise EngineError(
                f"The model file {self._path} cannot be read ({error.strerror}): fetch it with "
                f"`mlagent models pull`, or give the path of another one."
            ) from None
        if magic != b"GGUF":
            raise EngineError(
                f"{self._path} is no GGUF model file, or a damaged one: fetch it again, or give another path."
            )

    def _progressed(self, progress: float) -> None:
        self._board.show(
            EngineStatus(
                state=EngineState.LOADING,
                progress=progress,
                memory_bytes=self._memory(),
                message=self.status.message,
            )
        )

    def _died(self, death: Death) -> None:
        """A worker that was serving is gone: start the next one, unless they keep dying."""
        self._deaths += 1
        if self._deaths < _DEATHS_IN_A_ROW:
            message = self._sentence(death)
            self._launch(EngineStatus(state=EngineState.RESTARTING, message=message))
        else:
            self._board.show(EngineStatus(message=self._sentence(death)))

    def _sentence(self, death: Death) -> str:
        restarts = death.phase is Phase.SERVING and self._deaths < _DEATHS_IN_A_ROW
        return diagnose(death, read_cpu(), aftermath=_RESTARTING if restarts else "")

    def _show(self, state: EngineState) -> None:
        self._board.show(EngineStatus(state=state, memory_bytes=self._memory()))

    def _memory(self) -> int | None:
        import psutil

        try:
            resident: int = psutil.Process(self._link.pid).memory_info().rss if self._link else 0
        except psutil.Error:
            return None
        return resident or None


def _set_adapter(adapter: tuple[Path, float] | None) -> Callable[[int], Command]:
    path, scale = (str(adapter[0]), adapter[1]) if adapter else (None, 1.0)
    return lambda id: SetAdapter(id=id, path=path, scale=scale)


def _encodable_request(request: GenerateRequest) -> GenerateRequest:
    raw = request.raw_prompt
    return msgspec.structs.replace(
        request,
        messages=tuple(_encodable_message(message) for message in request.messages),
        raw_prompt=None if raw is None else _encodable(raw),
        prefill=_encodable(request.prefill),
        cache_key=_encodable(request.cache_key),
    )


def _encodable_message(message: ChatMessage) -> ChatMessage:
    return ChatMessage(role=_encodable(message.role), content=_encodable(message.content))


def _encodable(text: str) -> str:
    """`text` with lone surrogates, which notebooks may hold and UTF-8 cannot, replaced."""
    return text.encode("utf-8", "replace").decode()
