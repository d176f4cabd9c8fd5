"""Kept steps as examples: the plain prompt of a person's request, and the reply from its plan on.

A request starts most of its replies with an idea's plan, the others with nothing but the fence. Learning the
whole reply serves both: what follows a plan does not depend on who wrote it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.agent.prompt import PromptBudget, build_messages
from jupyter_mlagent.prompting import estimate_tokens
from jupyter_mlagent.records import ChatMessage, Task
from local_rl.environment.states import EnvState, task_of
from local_rl.examples import Example, Source
from local_rl.explore.config import KeepConfig
from local_rl.explore.keep import Kept
from local_rl.explore.recipe_engine import NAME as RECIPES
from local_rl.explore.records import Tried
from local_rl.tasks.folder import TaskFolder

FENCE = "\n```"


def plain_prompt(row: Tried, state: EnvState, task: Task, tokens: int) -> tuple[ChatMessage, ...]:
    """What a person's request in that state sends, without any hint."""
    return build_messages(
        state.state,
        task,
        operator=row.operator,
        memory=row.memory,
        budget=PromptBudget(tokens=tokens, count=estimate_tokens),
        seed=row.seed,
        replies=1,
    ).messages


def examples_of(
    kept: Iterable[Kept],
    states: Mapping[str, EnvState],
    folders: Mapping[str, TaskFolder],
    rule: KeepConfig | None = None,
) -> list[Example]:
    """Steps whose state or task is not there any more are left out."""
    rule = rule or KeepConfig()
    found = []
    for item in kept:
        row = item.row
        state, folder = states.get(row.state), folders.get(row.task)
        if state is None or folder is None:
            continue
        found.append(
            Example(
                messages=plain_prompt(row, state, task_of(folder), rule.prompt_tokens),
                prefill=PREFILL,
                reply=_reply(row),
                task=row.task,
                state_hash=row.state,
                notebook=row.notebook,
                operator=row.operator,
                metric_before=row.metric_before,
                metric_after=row.metric_after,
                reward=row.reward,
                weight=rule.rare_weight if item.rare else 1.0,
                source=Source.EXPERT,
                family=item.family,
                step_id=row.batch,
            )
        )
    return found


def _reply(row: Tried) -> str:
    """Of a model the cell as it was executed, so that its slips are not learned; of recipes the text before
    imports and seeds were completed, which a request does again.
    """
    if row.expert == RECIPES and row.text.startswith(PREFILL):
        return f"{row.text.removeprefix(PREFILL).rstrip()}{FENCE}"
    return f" {row.plan.strip().rstrip('.')}.\n{row.code}{FENCE}"
