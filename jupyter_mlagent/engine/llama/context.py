"""A llama.cpp context: the memory of evaluated tokens (KV cells) and the decoding of batches."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from jupyter_mlagent.engine.llama.model import Model, c_api
from jupyter_mlagent.errors import EngineError

PROMPT_CHUNK = 512
"""Prompt tokens per decode: large enough to be fast, small enough to cancel between two on a GPU."""

_ABORTED = 2


class Aborted(Exception):  # noqa: N818 - wanted, not a mistake
    """A decode was ended by the abort flag."""


class AbortFlag:
    """Ends a decode from another thread.

    llama.cpp polls a C callback at every node of its graph; a Python one would take the interpreter lock
    several hundred times a token. libc's strlen has the callback's shape: the address of a C string, and
    a result whose low byte is zero exactly when the string is empty.
    """

    def __init__(self) -> None:
        self._text = ctypes.create_string_buffer(2)
        self.argument = ctypes.cast(self._text, ctypes.c_void_p)
        callback_type = c_api().ggml_abort_callback
        self.callback = ctypes.cast(ctypes.CDLL(None).strlen, callback_type)

    def set(self) -> None:
        self._text[0] = b"\x01"

    def clear(self) -> None:
        self._text[0] = b"\x00"

    def is_set(self) -> bool:
        return self._text[0] != b"\x00"


class Batch:
    """A llama_batch over arrays of our own, each token in one sequence."""

    def __init__(self, capacity: int) -> None:
        c = c_api()
        self.capacity = capacity
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._counts = np.ones(capacity, np.int32)
        self._sequences = np.zeros(capacity, np.int32)
        self._outputs = np.zeros(capacity, np.int8)
        pointers = self._sequences.ctypes.data + 4 * np.arange(capacity, dtype=np.uint64)
        self._sequence_pointers = pointers.astype(np.uint64)
        self.struct = c.llama_batch(
            n_tokens=0,
            token=self._tokens.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            embd=None,
            pos=self._positions.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            n_seq_id=self._counts.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            seq_id=ctypes.cast(
                self._sequence_pointers.ctypes.data, ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))
            ),
            logits=self._outputs.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        sequences: Sequence[int] | int,
        outputs: Sequence[bool] | bool,
    ) -> None:
        size = len(tokens)
        self.struct.n_tokens = size
        self._tokens[:size] = tokens
        self._positions[:size] = positions
        self._sequences[:size] = sequences
        self._outputs[:size] = outputs


class Context:
    """KV memory and decoding for one model. Sequence 0 holds prompts, 1 and up replies."""

    def __init__(self, model: Model, *, cells: int, sequences: int, threads: int, abort: AbortFlag) -> None:
        self._c = c_api()
        self._model = model
        self._abort = abort
        params = self._c.llama_context_default_params()
        params.n_ctx = cells
        params.n_batch = params.n_ubatch = PROMPT_CHUNK
        params.n_seq_max = sequences
        params.n_outputs_max = sequences
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = threads
        params.no_perf = True
        params.abort_callback = self._abort.callback
        params.abort_callback_data = self._abort.argument
        self.pointer = self._c.llama_init_from_model(model.pointer, params)
        if not self.pointer:
            raise EngineError(f"llama.cpp cannot make a context of {cells:,} tokens")
        self.cells: int = self._c.llama_n_ctx(self.pointer)
        self.sequences = sequences
        self._memory = self._c.llama_get_memory(self.pointer)
        self._batch = Batch(max(PROMPT_CHUNK, sequences))

    def close(self) -> None:
        if self.pointer:
            self._c.llama_free(self.pointer)
            self.pointer = None

    def decode(
        self,
        tokens: Sequence[int],
        positions: Sequence[int],
        sequences: Sequence[int] | int,
        outputs: Sequence[bool] | bool,
    ) -> None:
        """Evaluate at most PROMPT_CHUNK tokens; raises Aborted or EngineError."""
        self._batch.fill(tokens, positions, sequences, outputs)
        status = self._c.llama_decode(self.pointer, self._batch.struct)
        if status == _ABORTED or self._abort.is_set():
            raise Aborted
        if status != 0:
            raise EngineError(f"llama.cpp failed to evaluate {len(tokens)} tokens (status {status}).")

    def logits(self, rows: int) -> npt.NDArray[np.float32]:
        """Logits of the last batch's outputs, shape (rows, vocabulary). Not a copy: the next decode
        overwrites them."""
        pointer = self._c.llama_get_logits(self.pointer)
        return np.ctypeslib.as_array(pointer, shape=(rows, self._model.vocab_size))

    def logits_of(self, row: int) -> npt.NDArray[np.float32]:
        """Logits of one token of the last batch, -1 for its last; shape (vocabulary,). Not a copy."""
        pointer = self._c.llama_get_logits_ith(self.pointer, row)
        return np.ctypeslib.as_array(pointer, shape=(self._model.vocab_size,))

    def copy_sequence(self, source: int, target: int) -> None:
        """Let `target` share all of `source`'s cells."""
        self._c.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def cut_sequence(self, sequence: int, length: int = 0) -> None:
        """Forget a sequence's tokens from position `length` on."""
        if not self._c.llama_memory_seq_rm(self._memory, sequence, length, -1):
            self._c.llama_memory_seq_rm(self._memory, sequence, -1, -1)

    def sequence_length(self, sequence: int) -> int:
        length: int = self._c.llama_memory_seq_pos_max(self._memory, sequence) + 1
        return length

    def clear(self) -> None:
        self._c.llama_memory_clear(self._memory, False)

    def save_sequence(self, sequence: int) -> bytes:
        size = self._c.llama_state_seq_get_size(self.pointer, sequence)
        buffer = (ctypes.c_uint8 * size)()
        written = self._c.llama_state_seq_get_data(self.pointer, buffer, size, sequence)
        return bytes(memoryview(buffer)[:written])

    def restore_sequence(self, sequence: int, state: bytes) -> bool:
        """Put a saved sequence back in place of what the sequence holds; False when it does not fit."""
        self.cut_sequence(sequence)
        buffer = (ctypes.c_uint8 * len(state)).from_buffer_copy(state)
        read: int = self._c.llama_state_seq_set_data(self.pointer, buffer, len(state), sequence)
        return read > 0

    def set_adapter(self, adapter: Any | None, scale: float) -> None:
        """Use one adapter (None: the base). Forgets every sequence: a stale one shifts logits."""
        if adapter:
            adapters = (self._c.llama_adapter_lora_p_ctypes * 1)(adapter)
            scales = (ctypes.c_float * 1)(scale)
            status = self._c.llama_set_adapters_lora(self.pointer, adapters, 1, scales)
        else:
            status = self._c.llama_set_adapters_lora(self.pointer, None, 0, None)
        self.clear()
        if status != 0:
            raise EngineError(f"llama.cpp refused the adapter (status {status}).")
