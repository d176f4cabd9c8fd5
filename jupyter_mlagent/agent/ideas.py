"""Ideas for a next step, by kind of problem: a prompt shows a few that were not tried yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jupyter_mlagent.agent.memory import MemoryEntry
from jupyter_mlagent.records import Operator, State, Task


@dataclass(frozen=True)
class Idea:
    text: str
    kinds: frozenset[str]
    """Problem kinds it suits."""
    family: str = ""
    """Estimator family (families.FAMILIES) that it would add, for drafts."""


def choose_ideas(
    state: State,
    task: Task,
    operator: Operator,
    memory: Sequence[MemoryEntry],
    *,
    seed: int = 0,
    count: int = 4,
) -> tuple[str, ...]:
    return ()
