"""Does a result follow the held-out labels? The decision rule and all its constants.

The cell is run once more from the same state with the labels shuffled, everywhere they are held, by one
permutation, and what it made is scored against the shuffled labels it could see. A step that learns from
the training data cannot know the permutation: its score is what the same predictions get against any other
permutation. A step that read the labels scores higher than that.

Let m be the score against the permutation the cell saw, and mu and sigma mean and standard deviation of the
same predictions' scores against `DRAWS` other permutations (a permutation test). With s = +1 or -1 for the
metric's direction:

* excess = s (m - mu): how far the predictions follow the labels beyond chance;
* reach = s (m_after - mu_after): how far the original result stands above chance, in the same sense;
* gain = s (m_after - m_before): what the step claims.

The result follows the labels if excess is significant, excess >= SIGMAS sigma, and large: at least SHARE of
the reach or at least the whole gain. With few labels sigma is large even for a cell that copied them: then
it also counts that m beats every draw and excess >= NEARLY_ALL of the reach.

An honest use of the labels leaves a small excess: choosing the best of k candidates, an early-stopping
round or a threshold by their score on n labels yields about sqrt(2 ln k) sigma (2.1 for k = 10, 3 for k =
100), below SIGMAS, and its share of the reach shrinks with sigma, as 1/sqrt(n).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

DRAWS = 32
FEWEST_DRAWS = 5
"""Fewer than this (a metric too slow to repeat) is no test."""
SIGMAS = 4.0
SHARE = 0.3
NEARLY_ALL = 0.8


def follows(
    *,
    sign: int,
    seen: float,
    null: Sequence[float],
    after: float,
    null_after: Sequence[float],
    before: float | None,
) -> bool:
    """Whether the result follows the labels.

    `sign`: +1 where larger is better. `seen`: score of the second run against the labels it could see;
    `null`: against other permutations. `after`, `null_after`: the first run's score, and against
    permutations. `before`: the metric before the step, None where there was none. Needs at least
    FEWEST_DRAWS draws in `null`.
    """
    mean, spread = statistics.fmean(null), statistics.pstdev(null)
    excess = sign * (seen - mean)
    reach = sign * (after - statistics.fmean(null_after))
    gain = sign * (after - before) if before is not None else float("inf")
    if excess <= 0 or reach <= 0:
        return False
    large = excess >= SHARE * reach or excess >= gain
    if large and excess > SIGMAS * spread:
        return True
    beats_all = all(sign * (seen - draw) > 0 for draw in null)
    return beats_all and excess >= NEARLY_ALL * reach
