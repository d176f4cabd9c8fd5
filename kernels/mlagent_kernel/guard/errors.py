"""The one exception of the guard."""

from __future__ import annotations


class GuardError(Exception):
    """The confinement could not be set up or ended; one sentence says why, and the trial must not run."""
