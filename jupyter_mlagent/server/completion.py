"""Inline completion of one cell with the model's fill-in-the-middle tokens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from jupyter_mlagent.engine.api import GenerateRequest, SamplingOptions, TextDelta
from jupyter_mlagent.errors import EngineError, MlagentError
from jupyter_mlagent.server import messages
from jupyter_mlagent.server.engine import SharedEngine

PREFIX_CHARACTERS = 6_000
SUFFIX_CHARACTERS = 1_500
MAX_TOKENS = 64
ENDS = ("\n\n", "\n```")
"""Of what is completed: an instruct model closes a code fence that nobody opened."""


class Completions:
    """Streams whole texts so far; a newer completion of the same notebook ends the older one."""

    def __init__(self, engine: SharedEngine, notebook: str) -> None:
        self._engine = engine
        self._key = f"completion of {notebook}"
        self._running: asyncio.Task[None] | None = None
        self._id: int | None = None

    async def start(self, wish: messages.Complete, tell: messages.Tell) -> None:
        await self.close()
        self._id = wish.id
        self._running = asyncio.ensure_future(self._run(wish, tell))

    async def cancel(self, id: int) -> None:
        if self._id == id:
            await self.close()

    async def close(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.wait({running})

    async def _run(self, wish: messages.Complete, tell: messages.Tell) -> None:
        text = ""
        try:
            async with contextlib.aclosing(self._pieces(wish)) as pieces:
                async for piece in pieces:
                    text += piece
                    tell(messages.Completion(id=wish.id, text=text, done=False))
        except MlagentError as error:
            tell(messages.Problem(id=wish.id, message=str(error)))
            return
        tell(messages.Completion(id=wish.id, text=text, done=True))

    async def _pieces(self, wish: messages.Complete) -> AsyncGenerator[str]:
        info = await self._engine.start()
        if info.fim_tokens is None:
            raise EngineError(
                f"The model {info.model} cannot fill in the middle; use another for completion."
            )
        prefix, suffix, middle = info.fim_tokens
        before, after = wish.prefix[-PREFIX_CHARACTERS:], wish.suffix[:SUFFIX_CHARACTERS]
        request = GenerateRequest(
            raw_prompt=f"{prefix}{before}{suffix}{after}{middle}",
            options=SamplingOptions(max_tokens=MAX_TOKENS, temperature=0.0, stop=(*ENDS, prefix, suffix)),
            cache_key=self._key,
        )
        async with contextlib.aclosing(self._engine.generate(request)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    yield event.text
