"""An engine that types given replies, a few characters at a time: what a page sees of a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
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
from jupyter_mlagent.records import ChatMessage, Sample

PIECE = 7


class TypingEngine:
    """Every request gets `replies`, or `completion` when it is one for the middle of a cell."""

    def __init__(self, replies: Sequence[str], *, completion: str = "", pause: float = 0.0) -> None:
        self.replies = tuple(replies)
        self.completion = completion
        self.pause = pause
        self.requests: list[GenerateRequest] = []
        self.closed_early = 0
        self.adapters: list[Path | None] = []

    async def start(self) -> EngineInfo:
        return await self.info()

    async def info(self) -> EngineInfo:
        return EngineInfo(
            model="scripted", context_tokens=8192, fim=True, fim_tokens=("<pre>", "<suf>", "<mid>")
        )

    async def generate(self, request: GenerateRequest) -> AsyncIterator[GenerateEvent]:
        self.requests.append(request)
        replies = self.replies[: request.n] if request.raw_prompt is None else (self.completion,)
        finished = False
        try:
            yield PromptRead(prompt_tokens=100, cached_tokens=0, seconds=0.1)
            longest = max((len(reply) for reply in replies), default=0)
            for start in range(0, longest, PIECE):
                await asyncio.sleep(self.pause)
                for index, reply in enumerate(replies):
                    if piece := reply[start : start + PIECE]:
                        yield TextDelta(index=index, text=piece)
                    if 0 <= len(reply) - start <= PIECE:
                        yield ReplyDone(index=index, sample=Sample(text=reply))
            yield GenerateDone(
                prompt_tokens=100, cached_tokens=0, sampled_tokens=50, prompt_seconds=0.1, sample_seconds=0.5
            )
            finished = True
        finally:
            self.closed_early += not finished

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return sum(len(message.content) // 3 for message in messages)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[1.0] for _ in texts]

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:
        self.adapters.append(path)
        return await self.info()

    async def close(self) -> None: ...
