"""One idea for a next step, and when it suits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jupyter_mlagent.agent.situation import Situation


def always(_: Situation) -> bool:
    return True


@dataclass(frozen=True)
class Idea:
    group: str
    """Estimator family or operation: a request shows one idea of each group before a second of any."""
    weight: float
    """How often it is drawn early; from what improved most often over the notebooks it was tuned on."""
    plan: str
    """A sentence without its full stop. In it and in `opening` stand `{current}` for the class of the current
    estimator, `{kind}` for Classifier or Regressor, `{vectorizer}` for the variable that makes numbers of
    texts, `{model}` for the one that is measured; `{start}` and `{end}` around an estimator that needs the
    table prepared, where only a part of the new model does.
    """
    suits: Callable[[Situation], bool] = always
    draft: bool = True
    """Whether it is a fresh approach (else it builds on what is there, and is for improve steps only)."""
    opening: str = ""
    """First lines of the cell, for what small models get wrong; the reply goes on below them."""
