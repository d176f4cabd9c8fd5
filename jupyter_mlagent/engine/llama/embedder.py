"""Embeddings from the loaded weights: the mean over a text's tokens of the last layer, at unit length."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from jupyter_mlagent.engine.llama.context import Aborted, AbortFlag, Batch
from jupyter_mlagent.engine.llama.model import Model, c_api
from jupyter_mlagent.errors import EngineError

WINDOW = 128
"""Tokens per decode. llama.cpp computes (unused) logits for every one of them, so memory grows with it."""

CONTEXT = 1024
"""Tokens that see each other; a longer text is the weighted mean of such stretches."""


class Embedder:
    """A context of its own, so that generation's KV cells stay as they are. Always the base weights."""

    def __init__(self, model: Model, *, threads: int, abort: AbortFlag) -> None:
        self._c = c_api()
        self._model = model
        self._abort = abort
        params = self._c.llama_context_default_params()
        params.n_ctx = CONTEXT
        params.n_batch = params.n_ubatch = WINDOW
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = threads
        params.embeddings = True
        params.pooling_type = self._c.LLAMA_POOLING_TYPE_MEAN
        params.no_perf = True
        params.abort_callback = self._abort.callback
        params.abort_callback_data = self._abort.argument
        self._pointer = self._c.llama_init_from_model(model.pointer, params)
        if not self._pointer:
            raise EngineError("llama.cpp cannot make a context for embeddings with this model.")
        self._batch = Batch(WINDOW)

    def close(self) -> None:
        if self._pointer:
            self._c.llama_free(self._pointer)
            self._pointer = None

    def embed(self, text: str) -> list[float]:
        """The unit-length vector of one text; raises Aborted."""
        tokens = self._model.tokenize(text) or self._model.tokenize(" ")
        total = np.zeros(self._model.embedding_size, np.float64)
        for start in range(0, len(tokens), WINDOW):
            window = tokens[start : start + WINDOW]
            total += len(window) * self._mean(window, start % CONTEXT)
        length = float(np.linalg.norm(total)) or 1.0
        vector: list[float] = (total / length).tolist()
        return vector

    def _mean(self, tokens: Sequence[int], position: int) -> npt.NDArray[np.float32]:
        """Mean over `tokens`, evaluated after the `position` tokens before them."""
        if position == 0:
            self._c.llama_memory_clear(self._c.llama_get_memory(self._pointer), False)
        self._batch.fill(tokens, range(position, position + len(tokens)), 0, True)
        status = self._c.llama_decode(self._pointer, self._batch.struct)
        if self._abort.is_set():
            raise Aborted
        if status != 0:
            raise EngineError(f"llama.cpp failed to embed {len(tokens)} tokens (status {status}).")
        pointer = self._c.llama_get_embeddings_seq(self._pointer, 0)
        return np.ctypeslib.as_array(pointer, shape=(self._model.embedding_size,)).copy()
