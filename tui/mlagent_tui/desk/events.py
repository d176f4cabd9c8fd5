"""What the desk tells the app. Each says that something changed; the desk holds what it changed to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlagent.autopilot import FlightEvent


class Severity(StrEnum):
    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Said:
    """One sentence for the person."""

    text: str
    severity: Severity = Severity.INFORMATION


@dataclass(frozen=True)
class CellsChanged:
    """Cells came, went or moved; `select` is where the cursor should go."""

    select: str | None = None


@dataclass(frozen=True)
class CellChanged:
    """One cell's text, outputs or activity changed."""

    cell_id: str


@dataclass(frozen=True)
class StatusChanged:
    """Kernel, model, metric, or whether there is something to save."""


@dataclass(frozen=True)
class BoardChanged:
    """Proposals: something was written, tried or ranked."""

    begins: bool = False
    """Somebody else's request begins, in the notebook that both look at."""


@dataclass(frozen=True)
class Flown:
    """The autopilot did something."""

    event: FlightEvent


@dataclass(frozen=True)
class Searched:
    """The search's tree is another; its record holds it."""


@dataclass(frozen=True)
class MetricWanted:
    """No metric was found in the notebook; the person has to name one."""

    reason: str
    go_on: bool = True
    """Ask for proposals once there is one."""


DeskEvent = Said | CellsChanged | CellChanged | StatusChanged | BoardChanged | Flown | Searched | MetricWanted
Post = Callable[[DeskEvent], None]

LATEST_COUNTS = (StatusChanged, BoardChanged, Searched)
"""Of several in a row only the last matters: a flood of them costs one redraw."""
