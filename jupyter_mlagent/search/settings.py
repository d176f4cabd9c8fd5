"""Every setting of a search, in one documented place."""

from __future__ import annotations

import math

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Record


class SearchSettings(Record):
    """Defaults are the published ones of ML-Master (arXiv 2506.16499) where it has them."""

    drafts: int = 5
    """Children of the notebook's own state: solutions begun anew."""
    improvements: int = 3
    """Children of a state that works."""
    repairs: int = 2
    """Children of a cell that raised; the first that works ends the repairs. (Ours.)"""
    debug_depth: int = 3
    """Repairs of repairs, at most."""
    stagnation: int = 3
    """Improve steps in a row without a gain after which a branch ends."""
    depth: int = 12
    """Steps from the root, at most. (Ours: a notebook has to stay readable.)"""
    redrafts: int = 2
    """Times that `drafts` more are begun when every branch has ended and budget is left. (Ours.)"""
    retries: int = 3
    """Times an expansion of a state may fail (engine or kernel lost) before the state is given up. (Ours.)"""
    exploration: float = math.sqrt(2)
    """The exploration constant C at the beginning,"""
    exploration_end: float = 0.5
    """and at the end."""
    decay_from: float = 0.3
    """Share of the budget after which C begins to fall, linearly,"""
    decay_until: float = 0.7
    """and at which it has reached its end."""
    least_gain: float = 1e-4
    """Relative gain over the parent's metric below which an improve step counts as none."""
    best_bonus: float = 0.5
    """Added to the reward (which is in [0, 1]) of a step that really is the best so far."""
    width: int = 1
    """Children that one expansion asks for, in one batch over a shared prompt, where there is room."""
    least_distance: float = 0.0002
    """Cosine distance of embeddings below which a cell is its sibling's twin and is not tried; 0: only equal
    syntax trees are twins. Small on purpose, since distances do not follow what a setting changes: from a
    forest of 100 trees to one of 101 the 0.5B finds 0.0097, to one of 300 trees, which is worth its trial,
    0.0048 (SmolLM2: 0.00015 and 0.0004). (Ours.)"""
    reasoning: bool | None = None
    """Whether the model is asked for a short analysis of the state before it writes cells; None: models of at
    least `reasoning_from` parameters are."""
    reasoning_from: float = 3e9
    """An analysis costs a call of the model, and no gain was seen from those of small models. (Ours.)"""
    reasoning_tokens: int = 72
    """Longest analysis."""
    resplits: int = 2
    """Other splits of the data that the best paths are measured on at the end; 0: none. (Ours.)"""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in (
            "drafts",
            "improvements",
            "repairs",
            "width",
            "depth",
            "retries",
            "stagnation",
            "reasoning_tokens",
        ):
            if getattr(self, name) < 1:
                raise MlagentError(f"The search's setting '{name}' must be at least 1.")
        for name in (
            "debug_depth",
            "redrafts",
            "exploration",
            "exploration_end",
            "least_gain",
            "best_bonus",
            "resplits",
            "least_distance",
        ):
            if getattr(self, name) < 0:
                raise MlagentError(f"The search's setting '{name}' must not be negative.")
        if not 0 <= self.decay_from <= self.decay_until <= 1:
            raise MlagentError("The search's decay must begin before it ends, both between 0 and 1.")


class SearchBudget(Record):
    """Whatever is spent first ends the search; with no limit it ends when every branch has."""

    seconds: float | None = None
    steps: int | None = None
    """Nodes grown."""
    tokens: int | None = None


def exploration_at(progress: float, settings: SearchSettings) -> float:
    """The exploration constant after `progress`, a share of the budget in [0, 1].

    ML-Master (arXiv 2506.16499) lets C decay from sqrt(2) to 0.5: broad first, then deep. Ours falls linearly
    between two shares of whatever budget there is, so that it needs no tuning to the length of a search.
    """
    begin, end = settings.decay_from, settings.decay_until
    if progress <= begin:
        return settings.exploration
    if progress >= end:
        return settings.exploration_end
    done = (progress - begin) / (end - begin)
    return settings.exploration + done * (settings.exploration_end - settings.exploration)
