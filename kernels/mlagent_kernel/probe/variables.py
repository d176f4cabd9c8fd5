"""One summary for each of a person's variables, within a bounded time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import arrays, definitions, estimators, frames, plain

_MOST_VARIABLES = 400
_PATIENCE_SECONDS = 1.0
"""Of computing; after this, what is left is told by type alone. Not of the clock: on a machine that is busy
with other work the same variables would be told otherwise."""
_SUMMARY_CHARACTERS = 300
_DETAIL_CHARACTERS = 4000


@dataclass(frozen=True)
class Summary:
    """`summary` is one line; `detail` more lines; `bytes` the data's size where it is known."""

    summary: str
    detail: str = ""
    bytes: int | None = None


def own_names(shell: Any) -> list[str]:
    """The names a person (or a cell) bound, in the order they were: IPython's own left out."""
    hidden = shell.user_ns_hidden
    return [
        name
        for name, value in list(shell.user_ns.items())
        if not name.startswith("_") and not (name in hidden and hidden[name] is value)
    ]


def summarise(namespace: Mapping[str, Any], names: list[str]) -> list[dict[str, Any]]:
    """Records with the fields of `jupyter_mlagent.records.Variable`. Never raises for an object in them."""
    deadline = time.thread_time() + _PATIENCE_SECONDS
    found = []
    for name in names[-_MOST_VARIABLES:]:
        value = namespace[name]
        kind = plain.type_name(value)
        summary = Summary("")
        if time.thread_time() < deadline:
            try:
                summary = describe(value)
            except Exception:  # an object that pretends to be what it is not
                summary = Summary("")
        found.append(
            {
                "name": name,
                "type": kind,
                "summary": _line(summary.summary or kind),
                "detail": summary.detail[:_DETAIL_CHARACTERS],
                "bytes": summary.bytes,
            }
        )
    return found


def describe(value: Any) -> Summary:
    """A summary from the first part of this package that knows the type."""
    for part in (frames.describe, arrays.describe, estimators.describe, definitions.describe, plain.describe):
        found = part(value)
        if found is not None:
            text, detail, size = found
            return Summary(text, detail, size)
    return Summary("")


def _line(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _SUMMARY_CHARACTERS else flat[: _SUMMARY_CHARACTERS - 3] + "..."
