"""Draw a few ideas for one request: different from each other, those that were tried coming last."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from jupyter_mlagent.agent.families import FAMILIES, classify
from jupyter_mlagent.agent.idea import Idea
from jupyter_mlagent.agent.idea_catalogue import suited_ideas
from jupyter_mlagent.agent.memory import MemoryEntry
from jupyter_mlagent.agent.preparations import after, begun, prepared
from jupyter_mlagent.agent.situation import Kind, Situation
from jupyter_mlagent.records import Operator

WEAK = frozenset({"linear", "neighbours", "naive bayes", "preprocessing", "discriminant"})
WEAK_WEIGHT = 0.2
"""How much rarer a weak family is drawn once a strong model is in place."""

TREES = frozenset({"boosting", "forest", "target transform"})
"""Groups whose estimators are of trees alone."""

_DATA_ERROR = re.compile(
    r"could not convert string|NaN|missing values|dtype=?.*object|Invalid dtype|Categorical"
)


def choose_ideas(
    situation: Situation,
    operator: Operator,
    memory: Sequence[MemoryEntry] = (),
    *,
    error: str = "",
    seed: int = 0,
    count: int = 4,
) -> tuple[Idea, ...]:
    """Up to `count` ideas, worded for the situation, no two of one group while other groups are left.

    A weighted draw without replacement (Efraimidis and Spirakis, 2006), the same for the same seed. Groups
    that the current model or earlier steps belong to come after the fresh ones. To repair a cell there are
    ideas only where `error` says that the data is not made of plain numbers.
    """
    if operator is Operator.DEBUG and not _DATA_ERROR.search(error):
        return ()
    ideas = [idea for idea in suited_ideas(situation) if idea.draft or operator is not Operator.DRAFT]
    generator = random.Random(seed)
    keys = {idea.plan: generator.random() ** (1 / _weight(idea, situation)) for idea in ideas}
    turns = _used(situation, memory)
    ranked = []
    for idea in sorted(ideas, key=lambda idea: -keys[idea.plan]):
        ranked.append((turns[idea.group], idea))
        turns[idea.group] += 1
    ranked.sort(key=lambda item: item[0])
    return tuple(_worded(idea, situation) for _, idea in ranked[:count])


def _weight(idea: Idea, situation: Situation) -> float:
    return idea.weight * (WEAK_WEIGHT if situation.late and idea.group in WEAK else 1.0)


def _used(situation: Situation, memory: Sequence[MemoryEntry]) -> Counter[str]:
    """How often each group was used: by the model as it is now, and by the steps that were tried."""
    used = Counter(family for family, pattern in FAMILIES.items() if pattern.search(situation.current or "-"))
    for entry in memory:
        used.update(entry.kinds.families | entry.kinds.operations | classify(entry.plan).families)
    return used


def _worded(idea: Idea, situation: Situation) -> Idea:
    """With the notebook's names, and begun as far as small models get it wrong: what prepares the table, and
    the pipeline that starts with it.
    """
    whole = f"{idea.plan}{idea.opening}"
    preparation = None
    if not (situation.text or situation.sparse or situation.neural):
        preparation = prepared(situation, trees=idea.group in TREES)
    name = preparation.name if preparation is not None else ""
    words = {
        "current": situation.current,
        "vectorizer": situation.vectorizer,
        "model": situation.model,
        "kind": "Regressor" if situation.kind is Kind.REGRESSION else "Classifier",
        "start": f"make_pipeline({name}, " if name else "",
        "end": ")" if name else "",
    }
    plan, opening = idea.plan.format_map(words), idea.opening.format_map(words)
    if preparation is None:
        return replace(idea, plan=plan, opening=opening)
    opening = preparation.opening + opening
    if "{start}" not in whole:
        plan, opening = after(plan, preparation), opening + begun(situation.model, preparation)
    return replace(idea, plan=plan, opening=opening)
