"""Fit a prompt to an engine's context: build, count exactly, shrink, until it fits.

The agent's budget is in estimated tokens (counting exactly costs a round trip to the engine), so the estimate
is corrected by what the engine counts.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from jupyter_mlagent.agent.memory import MemoryEntry
from jupyter_mlagent.agent.prompt import GUIDED, MINIMUM_TOKENS, PromptBudget, build_messages
from jupyter_mlagent.agent.repair import Expected
from jupyter_mlagent.engine.api import Engine, EngineInfo
from jupyter_mlagent.engine.parameters import parameters_of
from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.records import ChatMessage, Operator, Record, State, Task
from jupyter_mlagent.settings import SessionSettings

CHARACTERS_PER_TOKEN = 3.0
"""Code tokenises to 3 to 4 characters a token; only the first guess depends on it."""

RESERVE_TOKENS = 32
"""Room for the chat template's own tokens and the reply's end."""

ATTEMPTS = 6

PLANS_FROM = 2e9
"""Parameters from which on a model's own plans are worth a trial (docs/experiments.md)."""


class FittedPrompt(Record):
    messages: tuple[ChatMessage, ...]
    prefill: str
    prefills: tuple[str, ...]
    """What each reply goes on with after `prefill`."""
    expected: Expected
    max_tokens: int
    """Longest reply that still fits beside the prompt, for every reply of the batch."""


def guided_share(info: EngineInfo) -> float:
    """Of the replies that are given a plan. Small models have none of their own: they repeat the reply's form
    or the request ("Train a better model"), and with an adapter the boosters it learned.
    """
    size = parameters_of(info.model)
    return 1.0 if size is not None and size < PLANS_FROM else GUIDED


def estimate_tokens(text: str) -> int:
    return int(len(text.encode()) / CHARACTERS_PER_TOKEN) + 1


async def fit_prompt(
    engine: Engine,
    info: EngineInfo,
    state: State,
    task: Task,
    *,
    operator: Operator,
    hint: str,
    memory: Sequence[MemoryEntry],
    seed: int | None,
    replies: int,
    settings: SessionSettings,
    insights: Sequence[str] = (),
    analysis: str = "",
) -> FittedPrompt:
    """Raises EngineError when not even the smallest prompt fits."""
    room = info.context_tokens - RESERVE_TOKENS
    max_tokens = min(settings.max_tokens, max(settings.min_tokens, room // (2 * replies)))
    limit = room - replies * max_tokens
    allowed = limit
    for _ in range(ATTEMPTS):
        if allowed < MINIMUM_TOKENS:
            break
        build = build_messages(
            state,
            task,
            operator=operator,
            hint=hint,
            replies=replies,
            memory=memory,
            budget=PromptBudget(tokens=allowed, count=estimate_tokens),
            seed=seed if seed is not None else random.randrange(1 << 16),
            insights=insights,
            analysis=analysis,
            guided=guided_share(info),
        )
        counted = await engine.count_tokens(build.messages) + estimate_tokens(build.prefill)
        if counted <= limit:
            return FittedPrompt(
                messages=build.messages,
                prefill=build.prefill,
                prefills=tuple(start.removeprefix(build.prefill) for start in build.prefills),
                expected=build.expected,
                max_tokens=max_tokens,
            )
        allowed = int(allowed * limit / counted * 0.95)
    raise EngineError(
        f"The model's context of {info.context_tokens} tokens is too small for {replies} replies of "
        f"{max_tokens} tokens beside the prompt; ask for fewer candidates, or use a larger context."
    )
