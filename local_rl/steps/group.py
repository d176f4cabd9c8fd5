"""What was sampled and executed in one state: a group of actions, as data."""

from __future__ import annotations

from jupyter_mlagent.records import ChatMessage, Record
from local_rl.steps.advantage import Outcome, deviation


class Action(Record):
    """One reply and what its execution showed."""

    text: str
    opening: str = ""
    """What the reply was made to go on with after the group's prefill: given, so not learned."""
    token_ids: tuple[int, ...] = ()
    """As sampled."""
    logprobs: tuple[float, ...] = ()
    """Of the sampled tokens, by the sampler."""
    program: str = ""
    """Equal for samples that are the same program; empty for a malformed one."""
    code: str = ""
    status: str = ""
    """Of the trial; empty for a malformed reply."""
    reward: float = 0.0
    scored: bool = True
    reason: str = ""
    metric_after: float | None = None
    seconds: float = 0.0
    """Of the trial."""

    @property
    def valid(self) -> bool:
        return self.status == "ok"

    @property
    def outcome(self) -> Outcome:
        return Outcome(reward=self.reward, scored=self.scored, program=self.program)


class Group(Record):
    """The actions of one state, all sampled from the same prompt in one batch."""

    state: str
    """`PoolState.key`."""
    task: str
    notebook: str
    messages: tuple[ChatMessage, ...]
    prefill: str
    actions: tuple[Action, ...]
    metric_before: float | None = None
    given_advantages: tuple[float, ...] = ()
    """Episode-wise only: those of the whole trajectories that the actions are part of."""
    sampling_seconds: float = 0.0
    seconds: float = 0.0
    """From the state's restoration to the last trial's end."""

    @property
    def outcomes(self) -> list[Outcome]:
        return [action.outcome for action in self.actions]

    @property
    def scored_rewards(self) -> list[float]:
        return [action.reward for action in self.actions if action.scored]

    @property
    def mean_reward(self) -> float:
        rewards = self.scored_rewards
        return sum(rewards) / len(rewards) if rewards else 0.0

    @property
    def deviation(self) -> float:
        return deviation(self.scored_rewards)

    @property
    def valid_share(self) -> float:
        return sum(action.valid for action in self.actions) / max(1, len(self.actions))

    @property
    def sampled_tokens(self) -> int:
        return sum(len(action.token_ids) for action in self.actions)
