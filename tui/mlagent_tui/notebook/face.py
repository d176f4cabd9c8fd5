"""A cell as the screen shows it: everything the file holds of it, and whether it waits, runs or is done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from jupyter_mlagent.notebook.file import METADATA_KEY


class Activity(StrEnum):
    IDLE = "idle"
    QUEUED = "queued"
    RUNNING = "running"


@dataclass(frozen=True)
class CellFace:
    """Unlike the core's `Cell` it keeps full outputs, images too: they are for eyes, not for a prompt."""

    id: str
    kind: str
    source: str
    outputs: tuple[Mapping[str, Any], ...] = ()
    execution_count: int | None = None
    activity: Activity = Activity.IDLE
    seconds: float | None = None
    """Wall time of its last run here."""
    step: str = ""
    """For a cell that came from an accepted proposal: what it measured, e.g. `0.91 → 0.94`."""

    @property
    def errored(self) -> bool:
        return any(output.get("output_type") == "error" for output in self.outputs)

    def running(self, outputs: Iterable[Mapping[str, Any]] = ()) -> CellFace:
        return replace(self, activity=Activity.RUNNING, outputs=tuple(outputs), execution_count=None)


def faces_of(node: Mapping[str, Any]) -> tuple[CellFace, ...]:
    """The cells of a notebook node (nbformat's, or plain JSON that `check_notebook` accepted)."""
    return tuple(face_of(cell) for cell in node["cells"])


def face_of(cell: Mapping[str, Any]) -> CellFace:
    return CellFace(
        id=str(cell["id"]),
        kind=str(cell["cell_type"]),
        source=joined(cell["source"]),
        outputs=tuple(cell.get("outputs", ())),
        execution_count=cell.get("execution_count"),
        step=_step(cell.get("metadata", {}).get(METADATA_KEY)),
    )


def joined(text: Any) -> str:
    """Text as notebooks hold it: one string, or a list of strings."""
    return text if isinstance(text, str) else "".join(str(part) for part in text)


def _step(gain: Any) -> str:
    if not isinstance(gain, Mapping):
        return ""
    before, after = gain.get("before"), gain.get("after")
    if not isinstance(after, int | float):
        return "accepted"
    return f"{before:.4g} → {after:.4g}" if isinstance(before, int | float) else f"{after:.4g}"
