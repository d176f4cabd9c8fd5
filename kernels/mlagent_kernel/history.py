"""The cells a kernel has run, in order: what brings a fresh process to the same state."""

from __future__ import annotations

from typing import Any

OWN_COMMANDS = ("%mlagent", "%load_ext jupyter_mlagent", "%reload_ext jupyter_mlagent")
"""Cells about this project, not about the notebook's work; a replay of them would start another agent."""


def executed(shell: Any) -> list[str]:
    """Sources as typed, cells that raised left out where IPython remembers which did (9.0 and later)."""
    manager = shell.history_manager
    if manager is None:
        return []
    failed = getattr(manager, "exceptions", None)
    failed = failed if isinstance(failed, dict) else {}
    return [
        source
        for count, source in enumerate(manager.input_hist_raw)
        if count and source.strip() and count not in failed and not source.lstrip().startswith(OWN_COMMANDS)
    ]
