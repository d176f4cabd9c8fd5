"""A local agent that improves the machine learning in your own notebook, one measured cell at a time."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext jupyter_mlagent`: add `%mlagent` to this notebook."""
    from jupyter_mlagent.magics import register

    register(shell)
