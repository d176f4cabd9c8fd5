"""The reward of a step: one number in [0, 1] computed from what was measured. Pure functions, no I/O.

After the agentic ML-specific reward module of ML-Agent (arXiv 2505.23723). Theirs: the three cases (0 for an
invalid action or one that raises; a neutral 0.5 for a valid action without effect and for corner cases such
as a timeout or exhausted memory; otherwise a sigmoid of the scaled metric change) and a scale per task. Ours:

- the change is relative to the value before (`relative_gain`), so that one scale serves metrics of any unit;
- the scale alpha maps the task's reference gain to 0.9 (`RewardConfig.for_reference`);
- corner cases are flagged `scored=False`: they are no evidence either way, and training can leave them out;
- a result that followed the held-out labels, and a step after which the metric can no longer be read, earn 0;
- a first readable metric (a repaired notebook) earns as much as reaching the reference gain;
- the person's verdict is a term of its own with its own weight (`step_reward`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from jupyter_mlagent.records import Candidate, Direction, Proposal, Record, Trial, TrialStatus, Verdict

REFERENCE_REWARD = 0.9
"""What a step that reaches the task's reference gain earns."""

MIN_REFERENCE_GAIN = 1e-6
"""Below it a reference is no improvement but rounding."""

CORNER_CASES = frozenset(
    {TrialStatus.TIMEOUT, TrialStatus.OUT_OF_MEMORY, TrialStatus.BLOCKED, TrialStatus.NOT_TRIED}
)
"""Trials that ended for a reason that is not the proposal's worth."""


def _logit(probability: float) -> float:
    return math.log(probability / (1.0 - probability))


def alpha_for(reference_gain: float) -> float:
    """The alpha for which sigmoid(alpha * reference_gain) = 0.9; ValueError unless the gain is positive."""
    if not (math.isfinite(reference_gain) and reference_gain >= MIN_REFERENCE_GAIN):
        raise ValueError(f"the reference gain must be at least {MIN_REFERENCE_GAIN}, not {reference_gain!r}")
    return _logit(REFERENCE_REWARD) / reference_gain


class RewardConfig(Record, frozen=True):
    """Every constant of the reward. Stored with each step, so that old steps can be scored anew."""

    version: int = 1
    """Of the formula; changes whenever the same trial and constants would earn another reward."""
    alpha: float = alpha_for(0.1)
    """Steepness of the sigmoid over the relative gain. The default serves notebooks without a reference:
    a relative gain of 10% earns 0.9."""
    eps: float = 1e-9
    """Smallest |metric before| that a change is divided by; only a metric of (nearly) exactly 0 meets it."""
    clip: float = 30.0
    """Bound of |alpha * gain|: no overflow, and the worst measured step (1e-13) stays above an error's 0."""
    error: float = 0.0
    """Malformed, raised, cheated, or destroyed the metric."""
    neutral: float = 0.5
    """No effect on the metric, and corner cases."""
    first_metric: float = REFERENCE_REWARD
    """The metric could not be read before and can be after."""
    verdict_weight: float = 0.5
    """Weight of the verdict beside the trial's weight of 1."""
    accepted: float = 1.0
    edited: float = 0.75
    """The proposal was worth keeping, the person's edit was the better answer."""
    rejected: float = 0.0

    @classmethod
    def for_reference(cls, before: float, reference: float, direction: Direction) -> RewardConfig:
        """The constants for a task whose baseline and reference scores are known.

        Raises ValueError when the reference is no improvement on the baseline.
        """
        return cls(alpha=alpha_for(relative_gain(before, reference, direction, cls())))


class Reward(Record, frozen=True):
    value: float
    """In [0, 1]; 0.5 means that the step changed nothing."""
    scored: bool
    """False when it is no evidence either way; training leaves such steps out."""
    reason: str


def is_readable(value: float | None) -> bool:
    """True for a finite number: None, NaN and infinities are not measurements."""
    return value is not None and math.isfinite(value)


def relative_gain(before: float, after: float, direction: Direction, config: RewardConfig) -> float:
    """direction * (after - before) / max(|before|, eps): positive means better. Both values finite.

    May be infinite where the division leaves the range of a float; never NaN.
    """
    # Divided before they are subtracted: after - before overflows for two huge values of opposite sign.
    scale = max(abs(before), config.eps)
    return direction.sign * (after / scale - before / scale)


def gain_reward(gain: float, config: RewardConfig) -> float:
    """sigmoid(alpha * gain), the exponent clipped to [-clip, clip]."""
    exponent = max(-config.clip, min(config.clip, config.alpha * gain))
    return 1.0 / (1.0 + math.exp(-exponent))


def trial_reward(trial: Trial | None, direction: Direction | None, config: RewardConfig) -> Reward:
    """The reward of one tried proposal; `trial` is None for a malformed one.

    `direction` is None while the task has no metric: a step that runs is then neutral.
    """
    if trial is None:
        return Reward(value=config.error, scored=True, reason="malformed: not a plan and one cell")
    if trial.cheated:
        return Reward(value=config.error, scored=True, reason="its result followed the held-out labels")
    if trial.status is TrialStatus.ERROR:
        name = trial.error.name if trial.error is not None else "an error"
        return Reward(value=config.error, scored=True, reason=f"raised {name}")
    if trial.status in CORNER_CASES:
        words = trial.status.value.replace("_", " ")
        return Reward(value=config.neutral, scored=False, reason=f"{words}: no evidence either way")
    if direction is None:
        return Reward(value=config.neutral, scored=True, reason="it ran; there is no metric to compare")
    return _measured_reward(trial.metric_before, trial.metric_after, direction, config)


def _measured_reward(
    before: float | None, after: float | None, direction: Direction, config: RewardConfig
) -> Reward:
    if after is None or not math.isfinite(after):
        if is_readable(before):
            return Reward(value=config.error, scored=True, reason="the metric can no longer be read after it")
        return Reward(value=config.neutral, scored=True, reason="the metric can still not be read")
    if before is None or not math.isfinite(before):
        return Reward(value=config.first_metric, scored=True, reason="made the metric readable")
    gain = relative_gain(before, after, direction, config)
    if gain == 0:
        return Reward(value=config.neutral, scored=True, reason="no effect on the metric")
    word = "better" if gain > 0 else "worse"
    return Reward(value=gain_reward(gain, config), scored=True, reason=f"{word} by {_percent(gain)}")


def _percent(gain: float) -> str:
    size = abs(gain)
    return f"{size:.1%}" if size < 10 else "more than 10 times"


def verdict_value(verdict: Verdict | None, config: RewardConfig) -> float | None:
    """What a verdict says of the proposal, in [0, 1]; None when it says nothing (ignored, or none yet)."""
    match verdict:
        case Verdict.ACCEPTED:
            return config.accepted
        case Verdict.EDITED:
            return config.edited
        case Verdict.REJECTED:
            return config.rejected
        case _:
            return None


def step_reward(
    reward: Reward, verdict: Verdict | None, config: RewardConfig, *, undone: bool = False
) -> Reward:
    """The trial's reward joined with the person's verdict: (r + w * v) / (1 + w), in [0, 1].

    An unscored trial adds nothing to the verdict; a step later undone counts as if no verdict had been given.
    """
    opinion = None if undone else verdict_value(verdict, config)
    if opinion is None or verdict is None:
        return reward
    if not reward.scored:
        return Reward(value=opinion, scored=True, reason=f"{verdict.value.replace('_', ' ')}, not measured")
    weight = config.verdict_weight
    joined = (reward.value + weight * opinion) / (1.0 + weight)
    return Reward(value=joined, scored=True, reason=f"{reward.reason}; {verdict.value.replace('_', ' ')}")


def rank(
    tried: Iterable[tuple[Proposal, Trial]], direction: Direction | None, config: RewardConfig
) -> tuple[Candidate, ...]:
    """The ranking that every front end shows, ranks from 1.

    What ran comes first, best reward first (then the metric itself, then the faster); then what could not be
    tried, which is no evidence either way; errors, cheats and destroyed metrics last. Else order is kept.
    """
    scored = [(proposal, trial, trial_reward(trial, direction, config)) for proposal, trial in tried]
    scored.sort(key=lambda row: _ranking_key(row[1], row[2], direction, config))
    return tuple(
        Candidate(rank=position, proposal=proposal, trial=trial, reward=reward.value, scored=reward.scored)
        for position, (proposal, trial, reward) in enumerate(scored, start=1)
    )


def _ranking_key(
    trial: Trial, reward: Reward, direction: Direction | None, config: RewardConfig
) -> tuple[int, float, float, float]:
    if not reward.scored:
        return (1, 0.0, 0.0, 0.0)
    group = 2 if reward.value <= config.error else 0
    after = trial.metric_after
    # The reward saturates where the metric still tells two proposals apart.
    metric = direction.sign * after if direction and after is not None and math.isfinite(after) else -math.inf
    return (group, -reward.value, -metric, trial.seconds)
