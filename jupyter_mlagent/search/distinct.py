"""Is a cell another idea than its siblings? By syntax tree first, then by embedding, before a trial is spent.

Equal syntax trees are found elsewhere (`agent/dedupe.py`); here are the near twins: the same estimators and
operations, with settings so near that they measure the same. Embedding a cell takes the model as long as
reading it, so only cells that could be twins are embedded: those of which a sibling calls the same things.
"""

from __future__ import annotations

import ast
import math
import time
from collections.abc import Awaitable, Callable, Sequence

from jupyter_mlagent.agent.families import classify
from jupyter_mlagent.agent.source import parse_cell
from jupyter_mlagent.errors import EngineError

Embed = Callable[[Sequence[str]], Awaitable[list[list[float]]]]

TWIN = "It is nearly the same cell as one that was tried from this state."
ESSENCE_CHARACTERS = 400
"""Of a cell, what is embedded: longer cells differ early, or in more than their settings."""


class Distinct:
    """Remembers embeddings; an engine without any leaves everything distinct."""

    def __init__(self, embed: Embed, least: float) -> None:
        """`least`: cosine distance below which two cells are twins; 0: never."""
        self._embed = embed
        self._least = least
        self._vectors: dict[str, list[float]] = {}
        self.seconds = 0.0
        """What embedding took."""
        self.problem = ""
        """Why nothing is embedded any more."""

    async def twin(self, code: str, siblings: Sequence[str]) -> str:
        """One sentence where a sibling is too like it; empty where none is."""
        if self._least <= 0 or self.problem:
            return ""
        kinds = classify(code)
        like = [essence(other) for other in siblings if classify(other) == kinds]
        if not like or not kinds.estimators:
            return ""
        began = time.perf_counter()
        try:
            one, *others = await self._embedded([essence(code), *like])
        except EngineError as error:
            self.problem = str(error)
            return ""
        finally:
            self.seconds += time.perf_counter() - began
        near = min(cosine_distance(one, other) for other in others)
        return TWIN if near < self._least else ""

    async def _embedded(self, texts: Sequence[str]) -> list[list[float]]:
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if new:
            self._vectors |= zip(new, await self._embed(new), strict=True)
        return [self._vectors[text] for text in texts]


def essence(code: str) -> str:
    """The cell without imports, comments and formatting: what it does."""
    module = parse_cell(code)
    if module is None:
        return code[:ESSENCE_CHARACTERS]
    kept = [node for node in module.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    return "\n".join(ast.unparse(node) for node in kept)[:ESSENCE_CHARACTERS]


def cosine_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """1 - cosine, in [0, 2]; a vector without length is as far as one at a right angle."""
    lengths = math.sqrt(math.fsum(x * x for x in one)) * math.sqrt(math.fsum(y * y for y in other))
    if lengths == 0.0:
        return 1.0
    dot = math.fsum(x * y for x, y in zip(one, other, strict=True))
    return 1.0 - max(-1.0, min(1.0, dot / lengths))
