"""A notebook file being worked on: its node, its cells as records, and the few changes a step makes to it."""

from __future__ import annotations

import copy
import math
import uuid
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from jupyter_mlagent.errors import NotebookError
from jupyter_mlagent.notebook.read import check_language, kernelspec_of, parse_notebook, read_bytes
from jupyter_mlagent.notebook.record import cell_record, encodable
from jupyter_mlagent.notebook.structure import FIRST_MINOR_WITH_IDS, assign_ids
from jupyter_mlagent.notebook.write import Fingerprint, create_file, replace_file, serialise
from jupyter_mlagent.records import Cell, Metric, Operator, Record, State, Variable

METADATA_KEY = "mlagent"
"""Where a cell's metadata holds what the step behind it measured."""


class Gain(Record, frozen=True):
    """What an accepted step measured; stays with its cell, in `cell.metadata.mlagent`."""

    operator: Operator
    plan: str
    metric: Metric | None
    before: float | None
    after: float | None
    seconds: float
    model: str = ""
    step_id: int | None = None
    """The step's row in the journal."""


@dataclass(frozen=True)
class RemovedCell:
    """A cell as it was before it was replaced or removed; `NotebookFile.put_back` undoes that."""

    position: int
    node: Any


def open_notebook(path: str | Path) -> NotebookFile:
    """Read a notebook; raises NotebookError with one sentence for whatever is wrong with it."""
    path = Path(path).expanduser()
    data, fingerprint = read_bytes(path)
    node = parse_notebook(data, path)
    check_language(node, path)
    return NotebookFile(path, node, fingerprint)


class NotebookFile:
    """Changes are made to `node` in memory; only `save` and `save_as` touch the disk.

    Methods that take a cell id raise NotebookError when no cell has it.
    """

    def __init__(self, path: Path, node: Any, fingerprint: Fingerprint) -> None:
        self.path = path
        self.node = node
        """An nbformat node with everything the file holds, unknown metadata included."""
        self._fingerprint = fingerprint
        given = assign_ids(node["cells"])
        self._memory_ids: set[str] = set() if self._ids_on_disk else given

    @property
    def fingerprint(self) -> Fingerprint:
        """Of the version of the file that this object last read or wrote."""
        return self._fingerprint

    @property
    def _ids_on_disk(self) -> bool:
        return bool(self.node["nbformat_minor"] >= FIRST_MINOR_WITH_IDS)

    @property
    def kernelspec(self) -> str:
        return kernelspec_of(self.node)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells in order, outputs clipped (see `record.py`)."""
        return tuple(cell_record(cell) for cell in self.node["cells"])

    def source(self, cell_id: str) -> str:
        """Of one cell; unlike `cells` it costs nothing in a long notebook."""
        return encodable(self.node["cells"][self._position(cell_id)]["source"])

    def state(self, variables: Sequence[Variable] = (), metric_value: float | None = None) -> State:
        """The notebook at this moment, with what the kernel holds."""
        return State(
            notebook=str(self.path),
            cells=self.cells,
            variables=tuple(variables),
            metric_value=metric_value,
        )

    def insert_after(self, cell_id: str | None, source: str, *, gain: Gain | None = None) -> str:
        """Insert a code cell after another one (None: at the top); returns the new cell's id."""
        from nbformat.v4 import new_code_cell

        position = 0 if cell_id is None else self._position(cell_id) + 1
        cell = new_code_cell(source, id=uuid.uuid4().hex[:12])
        self.node["cells"].insert(position, cell)
        if not self._ids_on_disk:
            self._memory_ids.add(cell["id"])
        if gain is not None:
            self.set_gain(cell["id"], gain)
        return str(cell["id"])

    def replace(self, cell_id: str, source: str, *, gain: Gain | None = None) -> RemovedCell:
        """Give a code cell another source, without outputs; returns what it was."""
        position = self._position(cell_id)
        cell = self.node["cells"][position]
        if cell["cell_type"] != "code":
            raise NotebookError(f"Cell {cell_id} of {self.path} is not a code cell; nothing was changed.")
        removed = RemovedCell(position, copy.deepcopy(cell))
        cell["source"] = source
        cell["outputs"] = []
        cell["execution_count"] = None
        cell["metadata"].pop(METADATA_KEY, None)
        if gain is not None:
            self.set_gain(cell_id, gain)
        return removed

    def set_source(self, cell_id: str, source: str) -> RemovedCell:
        """Change a cell's text, of any kind; its outputs stay until it runs again. Returns what it was."""
        position = self._position(cell_id)
        cell = self.node["cells"][position]
        removed = RemovedCell(position, copy.deepcopy(cell))
        cell["source"] = source
        return removed

    def remove(self, cell_id: str) -> RemovedCell:
        position = self._position(cell_id)
        return RemovedCell(position, self.node["cells"].pop(position))

    def put_back(self, removed: RemovedCell) -> None:
        """Undo `replace` or `remove`: the cell is as it was, at its old place as far as that still exists."""
        cell_id = removed.node["id"]
        cells = self.node["cells"]
        for position, cell in enumerate(cells):
            if cell["id"] == cell_id:
                cells[position] = copy.deepcopy(removed.node)
                return
        cells.insert(min(removed.position, len(cells)), copy.deepcopy(removed.node))

    def attach_outputs(
        self, cell_id: str, outputs: Sequence[dict[str, Any]], execution_count: int | None
    ) -> None:
        """Store what a run of the cell produced; `outputs` in nbformat's shape."""
        from nbformat import from_dict

        cell = self.node["cells"][self._position(cell_id)]
        cell["outputs"] = [from_dict(output) for output in outputs]
        cell["execution_count"] = execution_count

    def set_gain(self, cell_id: str, gain: Gain) -> None:
        from nbformat import from_dict

        finite = msgspec.structs.replace(gain, before=_finite(gain.before), after=_finite(gain.after))
        cell = self.node["cells"][self._position(cell_id)]
        cell["metadata"][METADATA_KEY] = from_dict(msgspec.to_builtins(finite))

    def gain(self, cell_id: str) -> Gain | None:
        """What the step behind a cell measured; None for a cell that is not from a step."""
        metadata = self.node["cells"][self._position(cell_id)]["metadata"].get(METADATA_KEY)
        if metadata is None:
            return None
        try:
            return msgspec.convert(metadata, Gain)
        except msgspec.ValidationError:
            # Anybody may write into metadata; what cannot be understood is not ours.
            return None

    def glance(self) -> object:
        """What moves when somebody writes the file; cheap enough to be asked every second."""
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size

    def written_elsewhere(self) -> bool:
        """Whether the file is another one than was read or written here; reads it."""
        try:
            return read_bytes(self.path)[1] != self._fingerprint
        except NotebookError:
            return True

    def reopened(self) -> NotebookFile:
        """What is on disk now. Raises NotebookError."""
        return open_notebook(self.path)

    def save(self) -> None:
        """Write the file in place, atomically.

        Raises NotebookChangedError when it changed on disk since it was read (nothing is written then), and
        NotebookError when it cannot be written.
        """
        self._fingerprint = replace_file(self.path, self._serialised(), self._fingerprint)

    def save_as(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write a copy; this object stays with its own file. Raises NotebookError when `path` exists already
        (unless `overwrite`) or cannot be written."""
        target = Path(path).expanduser()
        if overwrite and target.exists() and self.path.exists() and target.samefile(self.path):
            self.save()
            return
        create_file(target, self._serialised(), overwrite=overwrite)

    def _serialised(self) -> bytes:
        try:
            return serialise(without_ids(self.node, self._memory_ids) if self._memory_ids else self.node)
        except RecursionError as error:
            raise NotebookError(f"{self.path} is nested too deeply to be written.") from error

    def _position(self, cell_id: str) -> int:
        for position, cell in enumerate(self.node["cells"]):
            if cell["id"] == cell_id:
                return position
        raise NotebookError(f"{self.path} has no cell with the id {cell_id}; it may have been deleted.")


def without_ids(node: Any, ids: Set[str]) -> Any:
    """A node whose cells with one of these ids carry none: formats before 4.5 do not allow any."""
    from nbformat import from_dict

    cells = []
    for cell in node["cells"]:
        kept = dict(cell)
        if kept["id"] in ids:
            del kept["id"]
        cells.append(kept)
    return from_dict({**node, "cells": cells})


def _finite(value: float | None) -> float | None:
    """JSON has no NaN or infinity, and front ends refuse notebooks that hold them."""
    return value if value is not None and math.isfinite(value) else None
