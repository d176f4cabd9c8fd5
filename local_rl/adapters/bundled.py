"""Adapters that come with the package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jupyter_mlagent.engine.active import bundled_adapter
from jupyter_mlagent.engine.catalog import ModelSpec, models


def bundled() -> Iterator[tuple[ModelSpec, Path]]:
    for model in models():
        path = bundled_adapter(model.sha256)
        if path is not None:
            yield model, path
