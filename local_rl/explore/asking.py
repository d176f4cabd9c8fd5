"""What goes into one request of an exploration and what it leaves behind."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jupyter_mlagent.agent.families import classify
from jupyter_mlagent.agent.memory import MemoryEntry
from jupyter_mlagent.agent.situation import read_situation
from jupyter_mlagent.records import TrialStatus
from jupyter_mlagent.reward.reward import trial_reward
from jupyter_mlagent.reward.roles import Roles, roles
from jupyter_mlagent.suggestion import Suggestion
from local_rl.environment.environment import Environment
from local_rl.environment.states import EnvState
from local_rl.explore.recipes import Recipe, recipes
from local_rl.explore.records import Tried

ERROR_CHARACTERS = 300


def cooked(environment: Environment, state: EnvState, count: int, seed: int) -> list[Recipe]:
    metric = environment.task.metric
    parts = roles(metric.expression) if metric is not None else Roles()
    situation = read_situation(state.state, environment.task, parts)
    return recipes(state, environment.task, situation, count=count, seed=seed)


def rows_of(
    suggestion: Suggestion,
    environment: Environment,
    state: EnvState,
    batch: str,
    memory: tuple[MemoryEntry, ...],
    hints: tuple[str, ...],
    given: tuple[str, ...],
) -> list[Tried]:
    record = suggestion.record("explore", None)
    candidates = {candidate.proposal.id: candidate for candidate in record.candidates}
    rows = []
    for sample, start in zip(record.samples, given, strict=True):
        row = Tried(
            batch=batch,
            task=state.task_id,
            notebook=state.notebook,
            expert=record.model.model,
            state=state.hash,
            operator=record.operator,
            seed=record.request.options.seed or 0,
            memory=memory,
            hints=hints,
            given=start,
            text=sample.text,
            malformed=sample.malformed,
            metric_before=state.metric_value,
        )
        candidate = candidates.get(sample.proposal_id or "")
        if candidate is not None:
            trial = candidate.trial
            reward = trial_reward(trial, environment.folder.spec.direction, environment.reward_config)
            error = f"{trial.error.name}: {trial.error.value}" if trial.error is not None else ""
            row = msgspec.structs.replace(
                row,
                plan=candidate.proposal.plan,
                code=candidate.proposal.code,
                status=trial.status.value,
                error=error[:ERROR_CHARACTERS],
                reason=reward.reason,
                reward=reward.value,
                scored=reward.scored,
                metric_after=trial.metric_after,
                seconds=trial.seconds,
            )
        rows.append(row)
    return rows


def remembered_of(rows: Sequence[Tried]) -> list[MemoryEntry]:
    """What later requests of the visit are told of these."""
    return [
        MemoryEntry(
            operator=row.operator,
            plan=row.plan,
            status=TrialStatus(row.status),
            metric_before=row.metric_before,
            metric_after=row.metric_after,
            error=row.error,
            kinds=classify(row.code),
        )
        for row in rows
        if row.status
    ]
