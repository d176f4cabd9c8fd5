"""Drawing tokens. The work over the vocabulary happens in C, in llama.cpp's sampler chains."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from jupyter_mlagent.engine.api import SamplingOptions
from jupyter_mlagent.engine.llama.context import Context
from jupyter_mlagent.engine.llama.model import Model, c_api
from jupyter_mlagent.errors import EngineError

_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
"""llama_token_data."""


def reply_seed(seed: int, index: int) -> int:
    """Seed of reply `index`: well apart for neighbouring seeds, so that groups do not share replies.

    The finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators,
    OOPSLA 2014), cut to the 32 bits that llama.cpp takes.
    """
    mask = (1 << 64) - 1
    z = (seed * 0x9E3779B97F4A7C15 + (index + 1) * 0xD1B54A32D192ED03) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) & 0xFFFFFFFE


class Sampler:
    """The sampler chain of one reply, and its grammar where there is one."""

    def __init__(self, model: Model, options: SamplingOptions, seed: int) -> None:
        self._c = c_api()
        self._vocab_size = model.vocab_size
        self._grammar = self._make_grammar(model, options.grammar)
        self._chain = self._c.llama_sampler_chain_init(self._c.llama_sampler_chain_default_params())
        for sampler in self._samplers(options, seed):
            self._c.llama_sampler_chain_add(self._chain, sampler)

    def close(self) -> None:
        for sampler in (self._chain, self._grammar):
            if sampler:
                self._c.llama_sampler_free(sampler)
        self._chain = self._grammar = None

    def sample(self, context: Context, row: int) -> int:
        """Draw from the logits of one token of the context's last batch, -1 for its last token."""
        token: int = self._c.llama_sampler_sample(self._chain, context.pointer, row)
        if self._grammar:
            # Testing the one drawn token is cheap; masking the whole vocabulary first is not.
            if not self._allowed(token):
                token = self._sample_masked(context.logits_of(row))
            self._c.llama_sampler_accept(self._grammar, token)
        return token

    def _samplers(self, options: SamplingOptions, seed: int) -> list[Any]:
        c = self._c
        if options.temperature <= 0:
            return [c.llama_sampler_init_greedy()]
        chain = []
        if 0 < options.top_k < self._vocab_size:
            chain.append(c.llama_sampler_init_top_k(options.top_k))
        if options.top_p < 1:
            chain.append(c.llama_sampler_init_top_p(options.top_p, 1))
        if options.min_p > 0:
            chain.append(c.llama_sampler_init_min_p(options.min_p, 1))
        if options.temperature != 1:
            chain.append(c.llama_sampler_init_temp(options.temperature))
        return [*chain, c.llama_sampler_init_dist(seed)]

    def _make_grammar(self, model: Model, grammar: str | None) -> Any | None:
        if grammar is None:
            return None
        sampler = self._c.llama_sampler_init_grammar(model.vocab, grammar.encode(), b"root")
        if not sampler:
            raise EngineError("The grammar is not valid GBNF, or has no rule called root.")
        return sampler

    def _allowed(self, token: int) -> bool:
        data = np.array([(token, 1.0, 0.0)], dtype=_TOKEN_DATA)
        self._c.llama_sampler_apply(self._grammar, ctypes.byref(self._candidates(data)))
        return bool(np.isfinite(data["logit"][0]))

    def _sample_masked(self, logits: npt.NDArray[np.float32]) -> int:
        data = np.empty(self._vocab_size, dtype=_TOKEN_DATA)
        data["id"] = np.arange(self._vocab_size)
        data["logit"] = logits
        data["p"] = 0
        candidates = self._candidates(data)
        self._c.llama_sampler_apply(self._grammar, ctypes.byref(candidates))
        self._c.llama_sampler_apply(self._chain, ctypes.byref(candidates))
        chosen = candidates.data[candidates.selected]
        if not np.isfinite(chosen.logit):
            raise EngineError("The grammar leaves the model no token to go on with.")
        return int(chosen.id)

    def _candidates(self, data: npt.NDArray[np.void]) -> Any:
        pointer = data.ctypes.data_as(ctypes.POINTER(self._c.llama_token_data))
        return self._c.llama_token_data_array(data=pointer, size=len(data), selected=-1, sorted=False)


def log_probabilities(
    logits: npt.NDArray[np.float32], tokens: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Natural log-probability of each row's token under the untempered model.

    logits: (rows, vocabulary), tokens: (rows,), result: (rows,).
    """
    result = np.empty(len(tokens), np.float32)
    scratch = np.empty_like(logits[0])
    # Row by row: one row of the largest vocabularies still fits into a core's own cache.
    for row, (values, token) in enumerate(zip(logits, tokens, strict=True)):
        top = values.max()
        np.exp(np.subtract(values, top, out=scratch), out=scratch)
        result[row] = values[token] - top - np.log(scratch.sum())
    return result
