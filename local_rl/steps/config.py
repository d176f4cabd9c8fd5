"""Everything that can be set of `mlagent train steps`. The help texts are what the command line shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from local_rl.errors import TrainingError
from local_rl.policy.config import PolicyConfig
from local_rl.steps.advantage import AdvantageConfig
from local_rl.steps.loss_config import LossConfig
from local_rl.steps.pool import PoolConfig
from local_rl.steps.rewards import RewardParts
from local_rl.steps.rollout import RolloutConfig


class Unit(StrEnum):
    """What one update learns from."""

    STEP = "step"
    EPISODE = "episode"


@dataclass(frozen=True)
class StepsConfig:
    policy: PolicyConfig = field(
        default_factory=PolicyConfig,
        metadata={"help": "Base model and the adapter of phase 1 that is gone on from."},
    )
    tasks: tuple[str, ...] = field(
        default=(),
        metadata={"help": "Training tasks, ids or folders; empty: all that come with the package."},
    )
    explorations: tuple[str, ...] = field(
        default=(), metadata={"help": "Folders of `mlagent train explore`: states on the expert's ways."}
    )
    journals: tuple[str, ...] = field(
        default=(), metadata={"help": "Journals (SQLite) of work on these tasks, e.g. of an evaluation."}
    )
    updates: int = field(default=60, metadata={"help": "Updates of the adapter in all."})
    states: int = field(default=1, metadata={"help": "States that one update learns from."})
    actions: int = field(default=8, metadata={"help": "G: replies sampled and executed for each state."})
    max_tokens: int = field(
        default=256, metadata={"help": "Longest reply; one that is cut off is malformed."}
    )
    openings: bool = field(
        default=True,
        metadata={"help": "Most replies start with an idea's plan, as in a request; no: all are free."},
    )
    redraws: int = field(
        default=1, metadata={"help": "Other states tried for a state whose actions all earn the same."}
    )
    learning_rate: float = field(default=2e-5, metadata={"help": "Of AdamW, constant after the warm-up."})
    warmup: int = field(default=3, metadata={"help": "Updates until the learning rate is reached."})
    passes: int = field(
        default=1, metadata={"help": "Updates from one group; from the second on the clip matters."}
    )
    clip_low: float = field(default=0.2, metadata={"help": "Clip of the probability ratio, below 1."})
    clip_high: float = field(default=0.28, metadata={"help": "Clip of the probability ratio, above 1."})
    kl: float = field(default=0.02, metadata={"help": "Weight of the divergence from the phase-1 policy."})
    most_weight: float = field(
        default=2.0,
        metadata={"help": "Bound of the weights that correct for the quantized sampler; 0: no correction."},
    )
    scale_advantages: bool = field(
        default=True, metadata={"help": "Divide advantages by their group's standard deviation."}
    )
    distinct: bool = field(
        default=True, metadata={"help": "Copies of one good program share its advantage; keeps diversity."}
    )
    max_gradient: float = field(default=0.5, metadata={"help": "Norm that a gradient is cut to."})
    unit: Unit = field(
        default=Unit.STEP,
        metadata={"help": "step: G actions of one state; episode: G whole trajectories (the ablation)."},
    )
    episode_steps: int = field(default=5, metadata={"help": "Steps of a trajectory where unit is episode."})
    without_errors: bool = field(
        default=False, metadata={"help": "Ablation: failing and malformed actions earn the neutral reward."}
    )
    without_corner_cases: bool = field(
        default=False, metadata={"help": "Ablation: timeouts and the like earn 0 instead of being left out."}
    )
    without_gain: bool = field(
        default=False, metadata={"help": "Ablation: all that runs earns the neutral reward."}
    )
    shared_prompt: bool = field(
        default=True, metadata={"help": "Compute a group's prompt once in training; no: once for each reply."}
    )
    at_once: int = field(
        default=0, metadata={"help": "Replies computed at once in training; 0: as many as memory holds."}
    )
    trial_seconds: float = field(default=30.0, metadata={"help": "Most time of one trial."})
    trial_threads: int = field(default=1, metadata={"help": "Of OpenMP and BLAS in each trial."})
    late_share: float = field(default=1.5, metadata={"help": "Share of draws for late states."})
    starter_share: float = field(default=1.0, metadata={"help": "Share of draws for starters."})
    expert_share: float = field(default=1.5, metadata={"help": "Share of draws for the expert's states."})
    journal_share: float = field(default=1.5, metadata={"help": "Share of draws for states from journals."})
    max_states: int = field(default=400, metadata={"help": "Most states in the pool; more are thinned out."})
    held_out: tuple[str, ...] = field(
        default=("customer-churn", "hotel-rates", "power-demand"),
        metadata={"help": "Tasks that the curve over updates is measured on; nothing is learned from them."},
    )
    held_out_every: int = field(default=20, metadata={"help": "Updates between two measurements; 0: none."})
    held_out_actions: int = field(default=8, metadata={"help": "Replies for each held-out state."})
    checkpoint_every: int = field(default=5, metadata={"help": "Updates between two checkpoints."})
    minutes: float = field(
        default=0.0, metadata={"help": "Stop after so long, with what was learned until then; 0: no limit."}
    )
    context_tokens: int = field(
        default=0, metadata={"help": "Context of the engine that samples; 0: what G replies need."}
    )
    seed: int = field(default=0, metadata={"help": "Of states drawn and replies sampled."})

    def check(self) -> None:
        """Raises TrainingError naming what cannot be."""
        if self.actions < 2:
            raise TrainingError("actions is at least 2: an action is judged against the others of its state.")
        if self.updates < 1 or self.states < 1 or self.passes < 1:
            raise TrainingError("updates, states and passes are at least 1.")
        if self.updates % self.passes:
            raise TrainingError(f"updates ({self.updates}) is a multiple of passes ({self.passes}).")
        if self.learning_rate <= 0:
            raise TrainingError("learning_rate is greater than 0.")
        if self.unit is Unit.EPISODE and self.episode_steps < 1:
            raise TrainingError("episode_steps is at least 1.")

    @property
    def batch(self) -> int:
        """Actions that one update learns from."""
        return self.actions * (self.episode_steps if self.unit is Unit.EPISODE else self.states)

    @property
    def parts(self) -> RewardParts:
        return RewardParts(
            errors=not self.without_errors,
            corner_cases=not self.without_corner_cases,
            gain=not self.without_gain,
        )

    @property
    def rollout(self) -> RolloutConfig:
        return RolloutConfig(
            actions=self.actions, max_tokens=self.max_tokens, openings=self.openings, parts=self.parts
        )

    @property
    def advantage(self) -> AdvantageConfig:
        return AdvantageConfig(scale=self.scale_advantages, distinct=self.distinct)

    @property
    def loss(self) -> LossConfig:
        return LossConfig(
            clip_low=self.clip_low, clip_high=self.clip_high, kl=self.kl, most_weight=self.most_weight
        )

    @property
    def pool(self) -> PoolConfig:
        return PoolConfig(
            starter=self.starter_share,
            late=self.late_share,
            expert=self.expert_share,
            journal=self.journal_share,
            max_states=self.max_states,
        )
