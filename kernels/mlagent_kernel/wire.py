"""What host and kernel say to each other, as data: JSON on the wire, frozen dataclasses on both sides."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Limits:
    """What one trial may use; sizes in bytes, times in seconds of wall clock."""

    seconds: float
    memory_bytes: int | None
    """Beyond what the kernel holds; None: a share of what the machine has free."""
    disk_bytes: int
    processes: int
    output_bytes: int
    metric_seconds: float


@dataclass(frozen=True)
class MetricSpec:
    expression: str
    maximize: bool
    before: float | None = None
    """The metric as the kernel stands, where the host knows it: decides whether a result needs an audit."""

    @property
    def sign(self) -> int:
        return 1 if self.maximize else -1

    def improved_by(self, value: float) -> bool:
        """Whether `value` is better than before; with nothing before, any value is."""
        return self.before is None or self.sign * (value - self.before) > 0


@dataclass(frozen=True)
class TrialSpec:
    """One request to a copy of the kernel: run a cell, read the metric, or both."""

    fifo: str
    """Path of the FIFO, made by the host, that takes events and the report, one JSON object a line."""
    code: str | None
    """The cell; None reads the metric only."""
    limits: Limits
    tier: str
    """Guard tier to enter; `none` where the person allowed an unguarded trial."""
    metric: MetricSpec | None = None
    reseed: int | None = None
    """Give `random` and NumPy a random stream of their own; None: the kernel's, as accepting would."""

    @classmethod
    def from_json(cls, text: str) -> TrialSpec:
        fields = json.loads(text)
        metric = fields.pop("metric", None)
        return cls(
            limits=Limits(**fields.pop("limits")),
            metric=MetricSpec(**metric) if metric else None,
            **fields,
        )

    def to_json(self) -> str:
        return json.dumps(asdict(self))


Message = dict[str, Any]
"""One JSON object on a pipe; its `kind` says what it is."""
