"""Is this JSON a notebook that can be worked on? Mends what is safe to mend, names the place of what is not.

Laxer than nbformat's schema on purpose: extra properties, which real editors write against the schema, are
kept, and what must be right is checked with a sentence that says where, in one pass that 50 MB of outputs do
not slow down.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeGuard

from jupyter_mlagent.errors import NotebookError

CELL_KINDS = ("code", "markdown", "raw")
FIRST_MINOR_WITH_IDS = 5
"""Cells carry ids from nbformat 4.5 on."""


def check_notebook(content: Any, name: str) -> dict[str, Any]:
    """Return the notebook when its parts have the right shape; `name` is how the sentence calls the file.

    Missing `metadata`, `outputs` and `execution_count` are filled in (in place). Raises NotebookError.
    """
    if not isinstance(content, dict) or "nbformat" not in content:
        raise NotebookError(f"{name} is JSON but not a notebook: it has no 'nbformat' entry.")
    _check_version(content["nbformat"], content.setdefault("nbformat_minor", 0), name)
    if not isinstance(content.get("cells"), list):
        raise NotebookError(f"{name} is not a valid notebook: 'cells' must be a list.")
    if not isinstance(content.setdefault("metadata", {}), dict):
        raise NotebookError(f"{name} is not a valid notebook: 'metadata' must be an object.")
    for position, cell in enumerate(content["cells"], start=1):
        fault = _cell_fault(cell)
        if fault:
            raise NotebookError(f"{name} is not a valid notebook: cell {position} {fault}.")
    return content


def _check_version(major: Any, minor: Any, name: str) -> None:
    for value in (major, minor):
        if not isinstance(value, int) or isinstance(value, bool):
            raise NotebookError(f"{name} is not a valid notebook: its format version must be a whole number.")
    if major < 4:
        raise NotebookError(
            f"{name} is in the old notebook format {major}; convert it first with "
            f"`jupyter nbconvert --to notebook --nbformat 4 {name}`."
        )
    if major > 4:
        raise NotebookError(
            f"{name} is in notebook format {major}, which is newer than this version of mlagent reads (4); "
            f"upgrade mlagent, or save the notebook in format 4."
        )


def _cell_fault(cell: Any) -> str:
    """What is wrong with a cell, as the end of a sentence; empty when nothing is."""
    if not isinstance(cell, dict):
        return "is not an object"
    kind = cell.get("cell_type")
    if kind not in CELL_KINDS:
        return f"has the type {kind!r} (known: {', '.join(CELL_KINDS)})"
    if not _is_text(cell.get("source")):
        return "has no text in 'source'"
    if not isinstance(cell.setdefault("metadata", {}), dict):
        return "has 'metadata' that is not an object"
    attachments = cell.get("attachments", {})
    if not isinstance(attachments, dict) or not all(isinstance(one, dict) for one in attachments.values()):
        return "has 'attachments' that are not objects"
    return _code_fault(cell) if kind == "code" else ""


def _code_fault(cell: dict[str, Any]) -> str:
    count = cell.setdefault("execution_count", None)
    if count is not None and (not isinstance(count, int) or isinstance(count, bool)):
        return f"has the execution count {count!r}, which is not a whole number"
    outputs = cell.setdefault("outputs", [])
    if not isinstance(outputs, list):
        return "has 'outputs' that are not a list"
    for position, output in enumerate(outputs, start=1):
        fault = _output_fault(output)
        if fault:
            return f"has an output ({position}) that {fault}"
    return ""


def _output_fault(output: Any) -> str:
    if not isinstance(output, dict):
        return "is not an object"
    kind = output.get("output_type")
    if not isinstance(kind, str):
        return "has no 'output_type'"
    if kind == "stream" and not _is_text(output.get("text")):
        return "has no text in 'text'"
    if kind in ("display_data", "execute_result") and not isinstance(output.get("data"), dict):
        return "has no object in 'data'"
    if kind == "error" and not _is_text(output.setdefault("traceback", [])):
        return "has a 'traceback' that is not a list of lines"
    return ""


def _is_text(value: Any) -> TypeGuard[str | list[str]]:
    """Text as notebooks hold it: one string, or a list of strings to be joined."""
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(line, str) for line in value)
    )


def assign_ids(cells: list[Any]) -> set[str]:
    """Give every cell without an id of its own one, in place; returns those given.

    An id is made from what the cell is, so that reading the same file again gives the same ids, also after a
    cell was put in elsewhere. A second cell with an id seen before gets a new one too: ids must be unique.
    """
    taken = {cell["id"] for cell in cells if isinstance(cell.get("id"), str) and cell["id"]}
    seen: set[str] = set()
    given: set[str] = set()
    for cell in cells:
        own = cell.get("id")
        if isinstance(own, str) and own and own not in seen:
            seen.add(own)
            continue
        cell["id"] = _content_id(cell["cell_type"], cell["source"], taken)
        for names in (taken, seen, given):
            names.add(cell["id"])
    return given


def _content_id(kind: str, source: str, taken: set[str]) -> str:
    occurrence = 0
    while True:
        text = f"{kind}\0{source}\0{occurrence}".encode("utf-8", "surrogatepass")
        candidate = hashlib.sha256(text).hexdigest()[:12]
        if candidate not in taken:
            return candidate
        occurrence += 1
