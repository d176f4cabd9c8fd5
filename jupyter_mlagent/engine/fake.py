"""An engine with a script in place of a model: for unit tests of whatever stands on `Engine`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Sequence
from itertools import cycle
from pathlib import Path

import msgspec

from jupyter_mlagent.engine.api import (
    EngineInfo,
    GenerateDone,
    GenerateEvent,
    GenerateRequest,
    PromptRead,
    ReplyDone,
    TextDelta,
)
from jupyter_mlagent.engine.status import EngineState, EngineStatus, StatusBoard, Watcher
from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.records import ChatMessage, Sample

CHARACTERS_PER_TOKEN = 24
EMBEDDING_LENGTH = 8
_LOGPROB = -0.5


class ScriptedEngine:
    """Gives `replies` in order, starting again after the last; every request takes the next `n` of them,
    and yields their texts piece by piece, in turns, as a batch does. A reply that is an exception is raised.

    `fails` makes every request raise EngineError with that sentence. `gate`, while set and not released,
    holds replies back after their first text: streaming and cancelling can then be tested without a clock.
    """

    def __init__(
        self, replies: Sequence[str | Exception] = (), *, context_tokens: int = 8192, fails: str = ""
    ) -> None:
        self.requests: list[GenerateRequest] = []
        self.fails = fails
        self.gate: asyncio.Event | None = None
        self.cancelled = 0
        """Requests whose stream was closed before its end."""
        self.closed = False
        self._replies = cycle(replies) if replies else cycle([""])
        self._info = EngineInfo(model="scripted", context_tokens=context_tokens, logprobs=True)
        self._board = StatusBoard()

    @property
    def status(self) -> EngineStatus:
        return self._board.current

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        return self._board.watch(watcher)

    async def start(self) -> EngineInfo:
        self._board.show(EngineStatus(state=EngineState.READY))
        return self._info

    async def info(self) -> EngineInfo:
        return self._info

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateEvent]:
        if self.fails:
            raise EngineError(self.fails)
        self.requests.append(request)
        scripts = [self._reply(request) for _ in range(request.n)]
        self._board.show(EngineStatus(state=EngineState.GENERATING))
        finished = False
        try:
            yield PromptRead(prompt_tokens=1, cached_tokens=0, seconds=0.0)
            async for event in self._recite(scripts):
                yield event
            finished = True
            yield GenerateDone(
                prompt_tokens=1,
                cached_tokens=0,
                sampled_tokens=sum(len(pieces) for pieces in scripts),
                prompt_seconds=0.0,
                sample_seconds=0.0,
            )
        finally:
            self.cancelled += not finished
            self._board.show(EngineStatus(state=EngineState.READY))

    async def _recite(self, scripts: Sequence[list[str]]) -> AsyncGenerator[GenerateEvent]:
        for step in range(max(map(len, scripts)) + 1):
            for index, pieces in enumerate(scripts):
                if step < len(pieces):
                    yield TextDelta(index=index, text=pieces[step])
                    # Lets a listener act between two pieces, as a real engine does.
                    await asyncio.sleep(0)
                    if self.gate is not None:
                        await self.gate.wait()
                elif step == len(pieces):
                    yield ReplyDone(index=index, sample=_sample(pieces))

    def _reply(self, request: GenerateRequest) -> list[str]:
        reply = next(self._replies)
        if isinstance(reply, Exception):
            raise reply
        text = reply if reply.startswith(request.prefill) else request.prefill + reply
        found = [position for stop in request.options.stop if (position := text.find(stop)) >= 0]
        text = text[: min(found)] if found else text
        return [text[at : at + CHARACTERS_PER_TOKEN] for at in range(0, len(text), CHARACTERS_PER_TOKEN)]

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return sum(len(message.content) // 3 + 1 for message in messages)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Unit-length vectors that depend on the text only."""
        return [_vector(text) for text in texts]

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:
        del scale
        if path is not None and not path.is_file():
            raise EngineError(f"The adapter {path} does not exist: give the path of a GGUF adapter.")
        self._info = msgspec.structs.replace(self._info, adapter=str(path) if path else None)
        return self._info

    async def close(self) -> None:
        self.closed = True
        self._board.show(EngineStatus())


def _sample(pieces: Sequence[str]) -> Sample:
    """A made-up token for each piece."""
    return Sample(
        text="".join(pieces),
        token_ids=tuple(len(piece) for piece in pieces),
        logprobs=(_LOGPROB,) * len(pieces),
    )


def _vector(text: str) -> list[float]:
    digest = hashlib.sha256(text.encode("utf-8", "replace")).digest()
    numbers = [byte - 127.5 for byte in digest[:EMBEDDING_LENGTH]]
    length = sum(number * number for number in numbers) ** 0.5
    return [number / length for number in numbers]
