"""An engine whose prompts carry ideas that the plain request does not: only the expert sees them.

What is learned is the reply to the plain prompt, so that the student comes to such proposals by itself.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import msgspec

from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.engine.api import Engine, EngineInfo, GenerateEvent, GenerateRequest
from jupyter_mlagent.records import ChatMessage

INTRODUCTION = "Ideas that may help, one of which to carry out:"


class HintedEngine:
    """One request's view of an engine; `given` is known once it was asked."""

    def __init__(self, engine: Engine, hints: Sequence[str], plans: Sequence[str]) -> None:
        """`plans`: those that replies without a plan of the request's own start with, one each."""
        self._engine = engine
        self._hints = tuple(hints)
        self._plans = tuple(plans)
        self.given: tuple[str, ...] = ()

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateEvent]:
        self.given = _given(request, self._plans)
        hinted = msgspec.structs.replace(
            request, messages=_with_hints(request.messages, self._hints), prefills=self.given
        )
        events = self._engine.generate(hinted)
        try:
            async for event in events:
                yield event
        finally:
            if isinstance(events, AsyncGenerator):  # a request that is cancelled ends the engine's
                await events.aclose()

    async def start(self) -> EngineInfo:
        return await self._engine.start()

    async def info(self) -> EngineInfo:
        return await self._engine.info()

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return await self._engine.count_tokens(_with_hints(messages, self._hints))

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._engine.embed(texts)

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:
        return await self._engine.load_adapter(path, scale)

    async def close(self) -> None:
        """The engine is another's."""


def _given(request: GenerateRequest, plans: Sequence[str]) -> tuple[str, ...]:
    """Half of the request's own starts, then the plans, and what is left stays open."""
    starts = [start.removeprefix(PREFILL) for start in request.prefills] or [""] * request.n
    catalogue = [start for start in starts if start.strip()][: request.n // 2]
    made = [f" {plan.rstrip('. ')}.\n" for plan in plans][: request.n - len(catalogue)]
    return tuple([*catalogue, *made, *[""] * request.n][: request.n])


def _with_hints(messages: Sequence[ChatMessage], hints: Sequence[str]) -> tuple[ChatMessage, ...]:
    """At the end of the prompt, so that requests with other hints still share what stands before."""
    if not hints or not messages:
        return tuple(messages)
    lines = "\n".join(f"- {hint}" for hint in hints)
    last = messages[-1]
    content = f"{last.content}\n\n{INTRODUCTION}\n{lines}"
    return (*messages[:-1], msgspec.structs.replace(last, content=content))
