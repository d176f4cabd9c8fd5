"""A short analysis before the cells are written, where the model is large enough to profit from one.

ML-Master (arXiv 2506.16499, section 3.2) lets a reasoning model think with the search's memory before it
writes. Here the search steers: it begins the sentence, by what came of the steps so far; the model ends it.
What it says goes into the prompt of all the cells of that expansion, behind the last cell.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_mlagent.agent.clip import clip_lines
from jupyter_mlagent.agent.failures import counted
from jupyter_mlagent.agent.memory import MemoryEntry, render_entry
from jupyter_mlagent.agent.wording import goal
from jupyter_mlagent.engine.api import (
    Engine,
    EngineInfo,
    GenerateDone,
    GenerateRequest,
    ReplyDone,
    SamplingOptions,
)
from jupyter_mlagent.engine.closable import closable
from jupyter_mlagent.engine.parameters import parameters_of
from jupyter_mlagent.records import ChatMessage, Operator, Task, TrialStatus, Variable
from jupyter_mlagent.search.expander import Order
from jupyter_mlagent.search.settings import SearchSettings

SYSTEM = "You judge machine learning experiments. You answer in at most two short sentences, without code."
CODE_LINES, CODE_WIDTH = 10, 110
"""Of the last cell: so many at its head and its tail, and characters of each."""
REMEMBERED = 6
SHOWN_VARIABLES = 5


@dataclass(frozen=True)
class Analysis:
    text: str = ""
    """Whole sentences only; empty where none was asked for, or none came."""
    tokens: int = 0


class Reasoner:
    def __init__(self, engine: Engine, settings: SearchSettings) -> None:
        self._engine = engine
        self._settings = settings

    async def analysis(self, order: Order, task: Task, variables: Sequence[Variable]) -> Analysis:
        """Raises EngineError when the engine is lost."""
        if not self._wanted(await self._engine.start()):
            return Analysis()
        request = GenerateRequest(
            messages=(
                ChatMessage(role="system", content=SYSTEM),
                ChatMessage(role="user", content=question(order, task, variables)),
            ),
            prefill=opening(order.operator, order.memory),
            options=SamplingOptions(
                max_tokens=self._settings.reasoning_tokens,
                temperature=0.3,
                seed=order.seed,
                stop=("\n\n", "```"),
            ),
            cache_key="analysis",
        )
        text, tokens = "", 0
        async with contextlib.aclosing(closable(self._engine.generate(request))) as events:
            async for event in events:
                if isinstance(event, ReplyDone):
                    text = event.sample.text
                elif isinstance(event, GenerateDone):
                    tokens = event.prompt_tokens + event.sampled_tokens
        return Analysis(whole_sentences(text), tokens)

    def _wanted(self, info: EngineInfo) -> bool:
        if self._settings.reasoning is not None:
            return self._settings.reasoning
        size = parameters_of(info.model)
        return size is not None and size >= self._settings.reasoning_from


def question(order: Order, task: Task, variables: Sequence[Variable]) -> str:
    last = next((cell for cell in reversed(order.cells) if cell.kind == "code"), None)
    parts = [
        goal(task),
        "" if order.metric is None else f"It is {order.metric:.4g} now.",
        "Variables:\n" + "\n".join(f"- {each.name}: {each.summary}" for each in variables[-SHOWN_VARIABLES:]),
        ""
        if last is None
        else f"The last cell:\n{clip_lines(last.source, CODE_LINES, CODE_LINES, CODE_WIDTH)}",
        "Tried:\n" + "\n".join(map(render_entry, order.memory[-REMEMBERED:])) if order.memory else "",
        f"Why does it fail, and what mends it?{_raised(order)}"
        if order.operator is Operator.DEBUG
        else "What holds the metric back, and which change is the most likely to better it?",
    ]
    return "\n\n".join(part for part in parts if part)


def opening(operator: Operator, memory: Sequence[MemoryEntry]) -> str:
    """How the analysis begins: where the steps so far point to."""
    if operator is Operator.DEBUG:
        return "The cell fails because"
    failures = [entry.failure for entry in memory if entry.failure]
    if failures and len(failures) * 2 >= len(memory):
        kind = counted(failures).partition(" (")[0]
        return f"What was tried mostly failed by {kind}, so the next step should"
    ran = [entry for entry in memory if entry.status is TrialStatus.OK and entry.metric_after is not None]
    if ran:
        return "From what was tried, the metric is held back by"
    return "The metric is held back by"


def whole_sentences(text: str) -> str:
    """Without a last sentence that the length cut off."""
    flat = " ".join(text.split())
    end = max(flat.rfind(mark) for mark in (". ", "! ", "? "))
    if flat.endswith((".", "!", "?")):
        return flat
    return flat[: end + 1] if end >= 0 else ""


def _clipped(source: str) -> str:
    return clip_lines(source, CODE_LINES, CODE_LINES, CODE_WIDTH)


def _raised(order: Order) -> str:
    last = order.cells[-1] if order.cells else None
    errors = [each for each in last.outputs if each.get("output_type") == "error"] if last is not None else []
    if not errors:
        return ""
    return f" It raised {errors[-1].get('ename', '')}: {str(errors[-1].get('evalue', ''))[:200]}"
