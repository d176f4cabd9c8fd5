"""What an exploration writes down: ideas, states and tried proposals, a JSON line each."""

from __future__ import annotations

from jupyter_mlagent.agent.memory import MemoryEntry
from jupyter_mlagent.records import Operator, Record


class IdeaPool(Record):
    """The expert's ideas for one task."""

    task: str
    asked: int
    """Ideas that the expert gave, duplicates left out."""
    diverse: tuple[str, ...]
    """Those that lie farthest from each other, the first the most typical one."""
    all: tuple[str, ...] = ()


class Tried(Record):
    """One reply of the expert, and what its execution showed."""

    batch: str
    """Id of the request that it was sampled in."""
    task: str
    notebook: str
    state: str
    """Hash of the state it was asked in; the state itself is kept once."""
    operator: Operator
    seed: int
    """Of the request: the plain prompt is made from state, memory and seed again."""
    expert: str = ""
    """Model that wrote it, or `recipes`."""
    memory: tuple[MemoryEntry, ...] = ()
    hints: tuple[str, ...] = ()
    """Ideas that only the expert saw in its prompt."""
    given: str = ""
    """What its reply had to start with after the bare prefill; empty when the plan is its own."""
    text: str = ""
    plan: str = ""
    code: str = ""
    """As it was tried, so with its imports completed; empty when the reply was malformed."""
    malformed: str = ""
    status: str = ""
    """Of the trial; empty when there was none."""
    error: str = ""
    reason: str = ""
    """Why the reward is what it is."""
    reward: float = 0.0
    scored: bool = False
    metric_before: float | None = None
    metric_after: float | None = None
    seconds: float = 0.0
