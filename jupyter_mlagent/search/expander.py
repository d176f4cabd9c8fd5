"""What the search asks for, and what it gets: between the tree and whoever has a model and live states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from jupyter_mlagent.agent.memory import MemoryEntry
from jupyter_mlagent.agent.prediction import Precedent
from jupyter_mlagent.records import Cell, Operator, Proposal, Record, Trial
from jupyter_mlagent.search.events import SearchEvent


def _untold(_: SearchEvent) -> None:
    """Nobody listens."""


class TriedStep(Record):
    proposal: Proposal
    trial: Trial


@dataclass(frozen=True)
class Order:
    """Make and try steps in one state."""

    node: int
    operator: Operator
    width: int
    """Steps to bring, at most."""
    cells: tuple[Cell, ...]
    """The notebook in that state; a failing cell that is to be repaired stands last."""
    sources: tuple[str, ...]
    """What led from the notebook as it stands to the live state, in order."""
    metric: float | None
    memory: tuple[MemoryEntry, ...]
    tried: tuple[str, ...]
    """Cells that a step must differ from."""
    hint: str
    seed: int
    precedents: tuple[Precedent, ...] = ()
    """Everything that this search has tried, for predictions."""
    tell: Callable[[SearchEvent], None] = _untold
    """Hears of each step as it is proposed and tried, before the expansion ends."""


class Expansion(Record):
    steps: tuple[TriedStep, ...]
    tokens: int = 0
    """Read and sampled by the model."""
    own_seconds: float = 0.0
    """Of the expansion, what was the search's own: comparing cells with their siblings."""
    dropped: tuple[str, ...] = ()
    """Why replies were no steps."""


class Expander(Protocol):
    async def expand(self, order: Order) -> Expansion:
        """What a step does is a result, never an exception. Raises MlagentError when nothing could be
        proposed or tried (engine or kernel lost). May be called by several workers at once, and cancelled.
        """
        ...
