"""From a model's name, a GGUF file or a URL to an engine."""

from __future__ import annotations

from jupyter_mlagent.engine.api import Engine


def open_engine(spec: str | None = None) -> Engine:
    """An engine for a catalog name, a path to a GGUF file, or an OpenAI-compatible endpoint's URL.

    None: the default model that is on this machine. Nothing is started yet. Raises ModelError for a model
    that is unknown or not fetched yet.
    """
    from jupyter_mlagent.engine.catalog import resolve
    from jupyter_mlagent.engine.local import LlamaEngine

    model = resolve(spec)
    return LlamaEngine(model.path, name=model.path.stem)
