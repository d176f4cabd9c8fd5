"""Closing an engine's stream, whatever kind of iterator it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from jupyter_mlagent.engine.api import GenerateEvent


async def closable(events: AsyncIterator[GenerateEvent]) -> AsyncGenerator[GenerateEvent]:
    """An async generator over any async iterator, so that closing it reaches the engine."""
    try:
        async for event in events:
            yield event
    finally:
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()
