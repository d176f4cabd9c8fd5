"""From a model's name, a GGUF file or a URL to an engine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from jupyter_mlagent.engine.api import Engine
from jupyter_mlagent.errors import EngineError

if TYPE_CHECKING:
    from jupyter_mlagent.engine.catalog import ModelFile

CONTEXTS = (8192, 6144, 4096, 2048)
"""Sizes to choose from, in tokens; a prompt for a notebook rarely needs more than the first."""

_UNKNOWN_KV_BYTES_PER_TOKEN = 64 << 10
"""For a person's own file: that of a 7B model with grouped attention."""


def open_engine(
    spec: str | None = None, *, context_tokens: int | None = None, api_key: str | None = None
) -> Engine:
    """An engine for a catalog name, a path to a GGUF file, or an OpenAI-compatible endpoint's URL.

    None: the default model that is on this machine. An endpoint's URL may name the model in its fragment
    (`http://localhost:8000/v1#qwen`); without one the endpoint's first model is taken. Its key is `api_key`
    or the environment's OPENAI_API_KEY. A model of the catalog is served with the adapter that is in use for
    it (`mlagent adapters`). Nothing is started yet. Raises ModelError for a model that is unknown or not
    fetched yet, EngineError when it cannot fit into memory.
    """
    if spec is not None and spec.startswith(("http://", "https://")):
        from jupyter_mlagent.engine.openai import OpenAIEngine

        url, _, model = spec.partition("#")
        key = api_key or os.environ.get("OPENAI_API_KEY")
        return OpenAIEngine(url, model or None, api_key=key, context_tokens=context_tokens)
    from jupyter_mlagent.engine.active import Follower
    from jupyter_mlagent.engine.catalog import resolve
    from jupyter_mlagent.engine.local import LlamaEngine

    model_file = resolve(spec)
    return LlamaEngine(
        model_file.path,
        context_tokens=context_tokens or fitting_context(model_file),
        name=model_file.name,
        sha256=model_file.sha256,
        follower=Follower(model_file.sha256),
    )


def fitting_context(model: ModelFile, available_bytes: int | None = None) -> int:
    """The largest usual context, in tokens, that fits into the free memory beside the weights."""
    from jupyter_mlagent.engine.memory import read_memory

    if available_bytes is None:
        memory = read_memory()
        available_bytes = max(memory.available_bytes, memory.gpu_bytes)
    for tokens in CONTEXTS:
        if _needed_bytes(model, tokens) <= available_bytes:
            return tokens
    raise EngineError(
        f"{model.name} needs {_needed_bytes(model, CONTEXTS[-1]) / 1e9:.1f} GB of memory and "
        f"{available_bytes / 1e9:.1f} GB are free: close something, or choose a smaller model."
    )


def _needed_bytes(model: ModelFile, context_tokens: int) -> int:
    if model.spec:
        return model.spec.memory_bytes(context_tokens)
    return int(model.path.stat().st_size * 1.2) + context_tokens * _UNKNOWN_KV_BYTES_PER_TOKEN
