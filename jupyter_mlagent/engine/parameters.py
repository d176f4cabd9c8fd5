"""How large a model is, by its name."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d+(?:\.\d+)?)[ _-]?([bm])(?![a-z0-9])", re.IGNORECASE)


def parameters_of(model: str) -> float | None:
    """How many parameters a model's name says it has; None where it does not say."""
    found = _SIZE.search(model)
    return None if found is None else float(found[1]) * (1e9 if found[2].lower() == "b" else 1e6)
