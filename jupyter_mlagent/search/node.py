"""One node of the search tree: a state, how it was reached, and what the search knows of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from jupyter_mlagent.records import Operator, Proposal, Trial, source_hash


class Status(StrEnum):
    OPEN = "open"
    EXPANDING = "expanding"
    """A worker is making children of it."""
    TERMINAL = "terminal"
    """It gets no more children; those it has may."""
    PRUNED = "pruned"
    """The person (or repeated failures) took it and what grows from it out of the search."""
    PINNED = "pinned"
    """The person wants the search to go on here."""


@dataclass
class Node:
    """Changed by its tree only. The root has neither proposal nor trial."""

    id: int
    """Its place in the order of growth; the root is 0."""
    parent: int | None
    depth: int
    """Steps from the root."""
    state_hash: str
    """Of what was run to get to its live state; a step that did not work leaves its parent's state."""
    metric: float | None
    """Of its live state."""
    works: bool
    """Whether its cell ended well: it then is a state to go on from, else a failure to repair."""
    proposal: Proposal | None = None
    trial: Trial | None = None
    scored: bool = True
    own_value: float = 0.0
    """What its own trial was worth, in [0, 1]."""
    best_when_grown: bool = False
    debug_depth: int = 0
    """Repairs in a row that failed, up to this one; 0 where it works."""
    stalled: int = 0
    """Improve steps in a row without a gain, up to this one."""
    children: list[int] = field(default_factory=list)
    visits: int = 0
    """Steps in its subtree, itself included (the root is no step)."""
    value: float = 0.0
    """Sum of those steps' own values."""
    leases: int = 0
    """Expansions under way in it."""
    reserved: int = 0
    """Children that those expansions may add."""
    virtual: int = 0
    """Expansions under way in its subtree: visits lent, worth nothing until they end (virtual loss)."""
    failures: int = 0
    """Expansions that failed."""
    ended: str = ""
    """One sentence: why it is terminal."""
    pruned: str = ""
    pinned: bool = False
    hint: str = ""
    """What the person wants of this branch."""

    @property
    def status(self) -> Status:
        if self.pruned:
            return Status.PRUNED
        if self.leases:
            return Status.EXPANDING
        if self.pinned:
            return Status.PINNED
        return Status.TERMINAL if self.ended else Status.OPEN

    @property
    def operator(self) -> Operator | None:
        return None if self.proposal is None else self.proposal.operator

    @property
    def mean(self) -> float:
        return self.value / self.visits if self.visits else 0.0


def next_hash(state_hash: str, code: str) -> str:
    """The hash of the state that `code` leads to, hexadecimal SHA-256."""
    return hashlib.sha256(f"{state_hash}\n{source_hash(code)}".encode()).hexdigest()
