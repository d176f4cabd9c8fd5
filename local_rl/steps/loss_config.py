"""The constants of the objective, apart from the objective itself, which needs torch."""

from __future__ import annotations

from jupyter_mlagent.records import Record


class LossConfig(Record, frozen=True):
    clip_low: float = 0.2
    """The update of a token stops where its probability has fallen to 1 - clip_low of what it was."""
    clip_high: float = 0.28
    """And where it has risen to 1 + clip_high; higher than clip_low, so that rare tokens can grow (DAPO,
    arXiv 2503.14476)."""
    kl: float = 0.02
    """Weight of the divergence from the phase-1 policy, in the estimator that is never negative."""
    most_weight: float = 2.0
    """Importance weights of the sampler's tokens are cut off here; 1 and less would leave only the gap's one
    side. 0 switches the correction off."""
    tokens: int = 0
    """What a group's sum over tokens is divided by, times G: a constant, so that long replies are not
    favoured (arXiv 2503.20783). 0: the longest reply that may be sampled."""
