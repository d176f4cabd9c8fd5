"""Opens a GGUF file without its weights: vocabulary, chat template, header; quietly."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_mlagent.engine.llama.log import LlamaLog
    from jupyter_mlagent.engine.llama.model import Model


def open_vocabulary(gguf: Path) -> Model:
    """Raises EngineError for a file that is no model."""
    from jupyter_mlagent.engine.llama.model import Model

    _log()
    return Model(gguf, gpu_layers=0, vocabulary_only=True)


@functools.cache
def _log() -> LlamaLog:
    """Takes llama.cpp's log for the life of the process: only warnings and errors are shown."""
    from jupyter_mlagent.engine.llama.log import LlamaLog

    return LlamaLog()
