"""From groups of actions to the rows that a trainer takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from local_rl.policy.tokens import Tokens
from local_rl.steps.advantage import advantages
from local_rl.steps.config import StepsConfig, Unit
from local_rl.steps.group import Action, Group


def trl_rows(groups: Sequence[Group], tokens: Tokens) -> dict[str, list[Any]]:
    """What TRL's `rollout_func` returns: one row an action; openings are given, so they are masked."""
    rows: dict[str, list[Any]] = {
        name: [] for name in ("prompt_ids", "completion_ids", "logprobs", "env_mask", "executed")
    }
    for group in groups:
        prompt = tokens.prompt(group.messages, group.prefill)
        for action in group.actions:
            opening = tokens.opening(action.opening)
            rows["prompt_ids"].append(prompt)
            rows["completion_ids"].append([*opening, *action.token_ids])
            rows["logprobs"].append([*[0.0] * len(opening), *action.logprobs])
            rows["env_mask"].append([*[0] * len(opening), *[1] * len(action.token_ids)])
            rows["executed"].append(action.reward if action.scored else None)
    return rows


def executed_reward(executed: list[float | None], **_: Any) -> list[float | None]:
    """TRL's reward function: what the execution gave, None where it is no evidence."""
    return executed


def group_advantages(groups: Sequence[Group], config: StepsConfig) -> list[float]:
    """One for each action, group after group."""
    return [value for group in groups for value in _advantages(group, config)]


def _advantages(group: Group, config: StepsConfig) -> list[float]:
    if config.unit is Unit.EPISODE:
        return list(group.given_advantages)
    return advantages(group.outcomes, config.advantage)


def all_actions(groups: Sequence[Group]) -> list[Action]:
    return [action for group in groups for action in group.actions]
