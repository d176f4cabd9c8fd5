"""Ask an expert for many ideas for a task, and keep the most diverse."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from jupyter_mlagent.agent.clip import clip_line
from jupyter_mlagent.agent.render import render_variable
from jupyter_mlagent.agent.wording import goal
from jupyter_mlagent.engine.api import Engine, GenerateRequest, ReplyDone, SamplingOptions
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import ChatMessage, Task
from local_rl.environment.states import EnvState
from local_rl.explore.diverse import most_diverse
from local_rl.explore.records import IdeaPool

AREAS = (
    "other estimators and ensembles of several (linear, neighbours, boosting, support vectors, stacking)",
    "preprocessing and new features (encoding, scaling, missing values, combinations of columns, dates)",
    "hyper-parameters, class weights, regularization and calibration",
    "transforms of the target or of skewed columns, feature selection and decomposition",
)
"""What a request asks ideas about: an expert that is asked the same twice answers the same twice."""

REPLIES = 8
"""Of one request, in one batch."""
REPLY_TOKENS = 110
CHARACTERS = 160
ROUNDS = 4
"""Requests about one area at most; an expert that gives nothing new by then is empty."""
_ITEM = re.compile(r"^\s*(?:[-*•]|\d+[.):])\s+(?P<idea>.+)$", re.MULTILINE)
_MARKS = re.compile(r"[*`_]{1,3}")


def idea_messages(task: Task, state: EnvState, area: str) -> tuple[ChatMessage, ...]:
    """The prompt for ideas about one area."""
    variables = "\n".join(render_variable(variable) for variable in state.variables[:10])
    model = next(
        (cell.source for cell in reversed(state.cells) if cell.kind == "code" and ".fit(" in cell.source), ""
    )
    content = (
        f"{goal(task)}\n\nVariables in memory:\n{variables}\n\n"
        f"The model now:\n```python\n{model[:800]}\n```\n\n"
        f"List five different ideas for a better result, about {area}. Each is one short sentence on one "
        "line that names the scikit-learn classes and their arguments. No code, no explanations."
    )
    return (
        ChatMessage(role="system", content="You are a machine learning engineer with many ideas."),
        ChatMessage(role="user", content=content),
    )


def read_ideas(text: str) -> list[str]:
    """The items of a reply's list, each as one sentence without its full stop; the last may be cut off."""
    found = [" ".join(_MARKS.sub("", match["idea"]).split()) for match in _ITEM.finditer(text)]
    ideas = [clip_line(idea, CHARACTERS).rstrip(". ") for idea in found]
    return [idea for idea in ideas if len(idea) >= 12 and "```" not in idea]


def distinct(ideas: Iterable[str]) -> list[str]:
    """Without those that differ in case or punctuation only; the first of each stays."""
    kept: dict[str, str] = {}
    for idea in ideas:
        kept.setdefault(re.sub(r"\W+", " ", idea).strip().lower(), idea)
    return [idea for key, idea in kept.items() if key]


async def ask_for_ideas(expert: Engine, task: Task, state: EnvState, *, wanted: int, seed: int) -> list[str]:
    """At least `wanted` distinct ideas, or all that the expert has."""
    ideas: list[str] = []
    for number in range(ROUNDS * len(AREAS)):
        area = AREAS[number % len(AREAS)]
        request = GenerateRequest(
            messages=idea_messages(task, state, area),
            prefill="1. ",
            n=REPLIES,
            options=SamplingOptions(max_tokens=REPLY_TOKENS, temperature=1.0, seed=seed + number),
            cache_key=f"ideas/{state.task_id}",
        )
        async for event in expert.generate(request):
            if isinstance(event, ReplyDone):
                cut = event.sample.finish_reason == "length"
                ideas.extend(read_ideas(event.sample.text)[: -1 if cut else None])
        ideas = distinct(ideas)
        if len(ideas) >= wanted and number + 1 >= len(AREAS):
            break
    return ideas


async def idea_pool(
    expert: Engine,
    embedder: Engine,
    task: Task,
    state: EnvState,
    *,
    wanted: int = 100,
    kept: int = 10,
    seeds: Sequence[str] = (),
    seed: int = 0,
) -> IdeaPool:
    """`seeds`: ideas known beforehand, which take part. Raises MlagentError when the expert gives none."""
    ideas = await ask_for_ideas(expert, task, state, wanted=wanted, seed=seed)
    if not ideas:
        raise MlagentError(
            f"The expert gave no idea for task '{state.task_id}' that could be read; use a larger model."
        )
    everything = distinct([*ideas, *seeds])
    vectors = await embedder.embed(everything)
    places = most_diverse(vectors, kept)
    return IdeaPool(
        task=state.task_id,
        asked=len(ideas),
        diverse=tuple(everything[place] for place in places),
        all=tuple(everything),
    )
