"""An engine with a script in place of a model: for unit tests of whatever stands on `Engine`."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from itertools import cycle
from pathlib import Path

from jupyter_mlagent.engine.api import (
    EngineInfo,
    GenerateDone,
    GenerateEvent,
    GenerateRequest,
    PromptRead,
    ReplyDone,
    TextDelta,
)
from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.records import ChatMessage, Sample

CHARACTERS_PER_DELTA = 24
EMBEDDING_LENGTH = 8


class ScriptedEngine:
    """Gives `replies` in order, starting again after the last; every request takes the next `n` of them.

    `fails` makes every request raise EngineError with that sentence. `gate`, while set and not released,
    holds replies back after their first text: streaming and cancelling can then be tested without a clock.
    """

    def __init__(self, replies: Sequence[str] = (), *, context_tokens: int = 8192, fails: str = "") -> None:
        self.requests: list[GenerateRequest] = []
        self.fails = fails
        self.gate: asyncio.Event | None = None
        self.cancelled = 0
        self.closed = False
        self._replies = cycle(replies) if replies else cycle([""])
        self._info = EngineInfo(model="scripted", context_tokens=context_tokens)

    async def start(self) -> EngineInfo:
        return self._info

    async def info(self) -> EngineInfo:
        return self._info

    async def generate(self, request: GenerateRequest) -> AsyncIterator[GenerateEvent]:
        if self.fails:
            raise EngineError(self.fails)
        self.requests.append(request)
        tokens = 0
        finished = False
        try:
            yield PromptRead(prompt_tokens=1, cached_tokens=0, seconds=0.0)
            for index in range(request.n):
                text = self._reply(request)
                for start in range(0, len(text), CHARACTERS_PER_DELTA):
                    yield TextDelta(index=index, text=text[start : start + CHARACTERS_PER_DELTA])
                    tokens += 1
                    # Lets a listener act between two pieces, as a real engine does.
                    await asyncio.sleep(0)
                    if self.gate is not None:
                        await self.gate.wait()
                yield ReplyDone(index=index, sample=Sample(text=text))
            finished = True
            yield GenerateDone(
                prompt_tokens=1,
                cached_tokens=0,
                sampled_tokens=tokens,
                prompt_seconds=0.0,
                sample_seconds=0.0,
            )
        finally:
            self.cancelled += not finished

    def _reply(self, request: GenerateRequest) -> str:
        text = next(self._replies)
        return text if text.startswith(request.prefill) else request.prefill + text

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return sum(len(message.content) // 3 + 1 for message in messages)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Unit-length vectors that depend on the text only."""
        return [_vector(text) for text in texts]

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:
        del path, scale
        raise EngineError("The scripted engine loads no adapters.")

    async def close(self) -> None:
        self.closed = True


def _vector(text: str) -> list[float]:
    numbers = [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:EMBEDDING_LENGTH]]
    length = sum(number * number for number in numbers) ** 0.5
    return [number / length for number in numbers]
