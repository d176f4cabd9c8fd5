"""Brings a fresh process to the state of a notebook's kernel by running its cells again."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import cell, safety, slicing
from .channel import LineWriter
from .job import TrialEnds
from .probe import variables
from .probe.plain import type_name
from .shell_copy import ShellCopy
from .streams import OutputSink, redirect
from .wire import Message

BOUNDARY = "application/vnd.mlagent.cell"
"""MIME type of a mark among the outputs of a whole replay: the cell of this position begins."""


@dataclass(frozen=True)
class State:
    """What makes a fresh process equal to a kernel."""

    history: tuple[str, ...]
    """Sources that ran, as typed."""
    cwd: str
    path: tuple[str, ...]
    """`sys.path`."""
    startup: str = ""
    """Folder of IPython's startup files, if any."""
    types: dict[str, str] | None = None
    """Variables of the kernel with their types: what a complete replay must bring back."""
    wanted: tuple[str, ...] = ()
    """Sources to come (the cell, the metric); cells that they do not need are left out."""
    whole: bool = False
    """Run every cell, needed or not, and pass on what each shows, with a `BOUNDARY` before it."""
    kernel_bytes: int = 0
    """Memory the kernel holds, which the replay will hold too."""

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> State:
        lists = {name: tuple(fields.get(name, ())) for name in ("history", "path", "wanted")}
        return cls(**{**fields, **lists})


class ReplayError(Exception):
    """The state could not be brought back; the message is one sentence."""


def replay_and_tell(state: State, events: LineWriter, ends: TrialEnds) -> tuple[Any, Message] | None:
    """Like `replay`, with how it went sent as `replayed`; None when it failed."""
    try:
        shell, told = replay(state, events, {"stdout": ends.stdout, "stderr": ends.stderr})
    except ReplayError as error:
        events.send({"kind": "replayed", "failed": str(error)})
        return None
    events.send({"kind": "replayed", **told})
    return shell, told


def replay(state: State, events: LineWriter, descriptors: dict[str, int]) -> tuple[Any, Message]:
    """A shell in the kernel's state, and what to tell: seconds, cells run, why it cannot be forked.

    Raises ReplayError.
    """
    began = time.monotonic()
    shell = _make_shell(state)
    sink = OutputSink(events, muted=not state.whole)
    redirect(sink, descriptors)
    copied = ShellCopy(shell, sink)
    for path in sorted(Path(state.startup).glob("*.py")) if state.startup else ():
        shell.safe_execfile(str(path), shell.user_ns)
    sources = dict(enumerate(state.history)) if state.whole else chosen(shell, state, state.wanted)
    for position, source in sources.items():
        sink.display({"output_type": "display_data", "data": {BOUNDARY: str(position)}, "metadata": {}})
        _, failure = cell.run(copied, source)
        if failure is not None:
            raise ReplayError(
                f"Cell {position + 1} of those the kernel ran raised {type(failure).__name__} when it was "
                "run again, so the notebook's state cannot be brought back."
            )
    sink.flush()
    shell.execution_count = len(state.history) + 1
    if tuple(sources.values()) == state.history:
        _compare(shell, state)
    told = {
        "seconds": time.monotonic() - began,
        "sources": list(sources.values()),
        "unsafe": safety.unsafe_to_fork(shell),
    }
    return shell, told


def _make_shell(state: State) -> Any:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    sys.path[:] = state.path
    sys.argv = ["ipykernel_launcher"]
    config = Config()
    config.HistoryManager.enabled = False
    return InteractiveShell.instance(config=config)


def chosen(shell: Any, state: State, wanted: Sequence[str]) -> dict[int, str]:
    """What to run so that the sources in `wanted` find what they need: positions in the history, with
    sources.
    """

    def python(source: str) -> str:
        try:
            return str(shell.transform_cell(source))
        except Exception:  # IPython's own error for a cell it cannot read
            return source

    return slicing.needed([python(s) for s in state.history], [python(s) for s in wanted])


def _compare(shell: Any, state: State) -> None:
    """Raise ReplayError when the replay gave other variables than the kernel holds."""
    for name, expected in (state.types or {}).items():
        if name not in shell.user_ns:
            raise ReplayError(f"Running the notebook's cells again does not bring back `{name}`.")
        found = type_name(shell.user_ns[name])
        if found != expected:
            raise ReplayError(
                f"Running the notebook's cells again makes `{name}` a {found}, but it is a {expected} there."
            )


def own_types(shell: Any) -> dict[str, str]:
    """Variables of a kernel with the names of their types."""
    return {name: type_name(shell.user_ns[name]) for name in variables.own_names(shell)}
