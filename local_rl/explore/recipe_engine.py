"""Recipes behind an engine's interface: a request, its trials and its record are those of any model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.engine.api import (
    EngineInfo,
    GenerateDone,
    GenerateEvent,
    GenerateRequest,
    PromptRead,
    ReplyDone,
)
from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.records import ChatMessage, Sample
from local_rl.explore.recipes import Recipe

NAME = "recipes"
"""What `CollectConfig.expert` calls it."""


class RecipeEngine:
    """Answers one request with recipes, one a reply."""

    def __init__(self, recipes: Sequence[Recipe]) -> None:
        self._recipes = tuple(recipes)

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateEvent]:
        if request.n > len(self._recipes):
            raise EngineError(f"There are {len(self._recipes)} recipes here, not {request.n}; ask for fewer.")
        yield PromptRead(prompt_tokens=0, cached_tokens=0, seconds=0.0)
        for index, recipe in enumerate(self._recipes[: request.n]):
            text = f"{PREFILL} {recipe.plan}.\n{recipe.code}\n"
            yield ReplyDone(index=index, sample=Sample(text=text))
        yield GenerateDone(
            prompt_tokens=0, cached_tokens=0, sampled_tokens=0, prompt_seconds=0.0, sample_seconds=0.0
        )

    async def start(self) -> EngineInfo:
        return await self.info()

    async def info(self) -> EngineInfo:
        return EngineInfo(model=NAME, context_tokens=1 << 20)

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return sum(len(message.content) for message in messages) // 3

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:  # noqa: ARG002
        raise EngineError("Recipes have no embeddings; name a model as embedder.")

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:  # noqa: ARG002
        raise EngineError("Recipes take no adapter.")

    async def close(self) -> None:
        """Nothing was opened."""
