"""Run as a program: imports llama.cpp and prints what it was compiled for; with a model, decodes a little."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

PROMPT = "def fibonacci(n):"
NEW_TOKENS = 8


def describe() -> dict[str, Any]:
    import llama_cpp

    return {
        "version": llama_cpp.__version__,
        "system_info": llama_cpp.llama_print_system_info().decode(),
        "gpu_offload": bool(llama_cpp.llama_supports_gpu_offload()),
    }


def decode(path: str) -> dict[str, Any]:
    """A few real steps of the model: the first one is where a wrong build dies."""
    import llama_cpp

    started = time.perf_counter()
    model = llama_cpp.Llama(path, n_ctx=256, n_batch=64, verbose=False)
    loaded = time.perf_counter()
    reply = model.create_completion(PROMPT, max_tokens=NEW_TOKENS, temperature=0.0)
    seconds = time.perf_counter() - loaded
    return {
        "load_seconds": loaded - started,
        "seconds": seconds,
        "tokens": reply["usage"]["completion_tokens"],
    }


if __name__ == "__main__":
    found = decode(sys.argv[1]) if len(sys.argv) > 1 else describe()
    sys.stdout.write("\n" + json.dumps(found) + "\n")
