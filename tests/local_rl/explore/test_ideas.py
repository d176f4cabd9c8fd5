"""Ideas are asked for until there are enough, read tolerantly, and only the expert sees them."""

from __future__ import annotations

import asyncio

from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.engine.api import GenerateRequest, ReplyDone
from jupyter_mlagent.records import ChatMessage, Direction, Metric, Sample, Task
from local_rl.environment.states import EnvState
from local_rl.explore.hinted import INTRODUCTION, HintedEngine
from local_rl.explore.ideas import ask_for_ideas, distinct, idea_pool, read_ideas

TASK = Task(metric=Metric(expression="accuracy_score(y, p)", direction=Direction.MAXIMIZE))
STATE = EnvState(hash="h", task_id="t", notebook="starter.ipynb", cells=())


class Expert:
    """Answers with the next numbers, and remembers what it was asked."""

    def __init__(self, each: int = 3, fresh: bool = True) -> None:
        self.requests: list[GenerateRequest] = []
        self._each, self._fresh, self._count = each, fresh, 0

    async def generate(self, request):
        self.requests.append(request)
        for index in range(request.n):
            lines = []
            for place in range(self._each):
                self._count += self._fresh
                lines.append(f"{place + 1}. Fit a Model{self._count}(size={self._count}).")
            yield ReplyDone(index=index, sample=Sample(text="\n".join(lines)))

    async def embed(self, texts):
        return [[float(len(text)), float(hash(text) % 7), 1.0] for text in texts]


def test_lists_of_any_form_are_read_and_code_is_not() -> None:
    text = "1. **Scale** with `StandardScaler`.\n- Fit an SVC(C=10) after it\n* no\n```python\nx = 1\n```"
    assert read_ideas(text) == ["Scale with StandardScaler", "Fit an SVC(C=10) after it"]


def test_ideas_that_differ_in_punctuation_only_are_one() -> None:
    assert distinct(["Fit an SVC.", "fit an SVC", "Fit an SVR"]) == ["Fit an SVC.", "Fit an SVR"]


def test_the_expert_is_asked_about_every_area_until_there_are_enough() -> None:
    expert = Expert()
    ideas = asyncio.run(ask_for_ideas(expert, TASK, STATE, wanted=100, seed=0))
    assert len(ideas) >= 100
    assert len({request.messages[-1].content for request in expert.requests}) == 4
    assert len({request.options.seed for request in expert.requests}) == len(expert.requests)


def test_an_expert_that_repeats_itself_is_not_asked_for_ever() -> None:
    assert len(asyncio.run(ask_for_ideas(Expert(fresh=False), TASK, STATE, wanted=100, seed=0))) == 1


def test_the_pool_holds_the_diverse_ones_and_counts_all() -> None:
    expert = Expert()
    pool = asyncio.run(
        idea_pool(expert, expert, TASK, STATE, wanted=20, kept=5, seeds=("Use a GaussianNB()",))
    )
    assert len(pool.diverse) == len(set(pool.diverse)) == 5
    assert set(pool.diverse) <= set(pool.all)
    assert "Use a GaussianNB()" in pool.all and pool.asked == len(pool.all) - 1


def test_hints_and_plans_reach_the_expert_alone() -> None:
    expert = Expert()
    request = GenerateRequest(
        messages=(ChatMessage(role="user", content="plain"),),
        prefill=PREFILL,
        prefills=(" Fit an SVC.\n", " Fit a tree.\n", "", ""),
        n=4,
    )

    async def ask() -> HintedEngine:
        engine = HintedEngine(expert, ["scale first"], ["Use a GaussianNB()"])
        async for _ in engine.generate(request):
            pass
        return engine

    engine = asyncio.run(ask())
    seen = expert.requests[0]
    assert seen.messages[-1].content == f"plain\n\n{INTRODUCTION}\n- scale first"
    assert seen.prefills == engine.given == (" Fit an SVC.\n", " Fit a tree.\n", " Use a GaussianNB().\n", "")
    assert request.messages[-1].content == "plain"
