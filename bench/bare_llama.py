"""The simplest possible llama.cpp loop, in a process of its own: what bench/engine.py measures against.

One JSON request per line on stdin ({"prompt", "replies", "tokens", "threads"}), one JSON answer per line on
stdout ({"tokens", "prompt_seconds", "sample_seconds"}). The same weights, context size and sampler chain
as the engine's; no streaming, no log-probabilities, no stop strings, nothing kept between requests.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from typing import Any

from llama_cpp import llama_cpp as c

CHUNK = 512


def load(path: str, context_tokens: int, threads: int) -> tuple[Any, Any]:
    model = c.llama_model_load_from_file(path.encode(), c.llama_model_default_params())
    params = c.llama_context_default_params()
    params.n_ctx = context_tokens
    params.n_batch = params.n_ubatch = CHUNK
    params.n_seq_max = 33
    params.kv_unified = True
    params.n_threads = params.n_threads_batch = threads
    return model, c.llama_init_from_model(model, params)


def sampler(seed: int) -> Any:
    chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
    for part in (
        c.llama_sampler_init_top_k(40),
        c.llama_sampler_init_top_p(0.95, 1),
        c.llama_sampler_init_temp(0.8),
        c.llama_sampler_init_dist(seed),
    ):
        c.llama_sampler_chain_add(chain, part)
    return chain


def fill(batch: Any, rows: list[tuple[int, int, int, bool]]) -> None:
    batch.n_tokens = len(rows)
    for row, (token, position, sequence, output) in enumerate(rows):
        batch.token[row] = token
        batch.pos[row] = position
        batch.n_seq_id[row] = 1
        batch.seq_id[row][0] = sequence
        batch.logits[row] = output


def run(model: Any, context: Any, batch: Any, request: dict[str, Any]) -> dict[str, float]:
    memory = c.llama_get_memory(context)
    c.llama_memory_clear(memory, False)
    c.llama_set_n_threads(context, request["threads"], request["threads"])
    text = request["prompt"].encode()
    tokens = (ctypes.c_int32 * (len(text) + 8))()
    vocab = c.llama_model_get_vocab(model)
    prompt = tokens[: c.llama_tokenize(vocab, text, len(text), tokens, len(tokens), True, True)]

    started = time.perf_counter()
    for start in range(0, len(prompt), CHUNK):
        part = prompt[start : start + CHUNK]
        last = len(prompt) - 1
        fill(batch, [(token, start + at, 0, start + at == last) for at, token in enumerate(part)])
        assert c.llama_decode(context, batch) == 0
    chains = [sampler(seed) for seed in range(request["replies"])]
    current = [c.llama_sampler_sample(chain, context, -1) for chain in chains]
    read = time.perf_counter()
    for sequence in range(1, len(chains) + 1):
        c.llama_memory_seq_cp(memory, 0, sequence, -1, -1)
    for step in range(request["tokens"] - 1):
        position = len(prompt) + step
        fill(batch, [(token, position, row + 1, True) for row, token in enumerate(current)])
        assert c.llama_decode(context, batch) == 0
        current = [c.llama_sampler_sample(chain, context, row) for row, chain in enumerate(chains)]
    ended = time.perf_counter()
    for chain in chains:
        c.llama_sampler_free(chain)
    drawn = request["tokens"] * len(chains)
    return {"tokens": drawn, "prompt_seconds": read - started, "sample_seconds": ended - read}


def main() -> None:
    path, context_tokens, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    model, context = load(path, context_tokens, threads)
    batch = c.llama_batch_init(CHUNK, 0, 1)
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(run(model, context, batch, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
