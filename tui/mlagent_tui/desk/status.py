"""What the status line shows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from jupyter_mlagent.records import Metric


class KernelState(StrEnum):
    STARTING = "starting"
    IDLE = "idle"
    BUSY = "busy"
    DEAD = "dead"
    ABSENT = "no kernel"
    AWAY = "server gone"


class ModelState(StrEnum):
    LOADING = "loading"
    READY = "ready"
    ABSENT = "no model"


@dataclass
class Status:
    kernel: KernelState = KernelState.STARTING
    kernel_note: str = ""
    """One sentence while there is no working kernel."""
    model: ModelState = ModelState.LOADING
    model_name: str = ""
    model_note: str = ""
    """One sentence while there is no working model."""
    metric: Metric | None = None
    metric_value: float | None = None
    doing: str = ""
    """What is under way, in two or three words."""
