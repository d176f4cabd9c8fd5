"""The endpoint engine against llama-cpp-python's own server, where its extras are installed."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from jupyter_mlagent.engine.open import open_engine

pytestmark = [pytest.mark.model, pytest.mark.slow]

for extra in ("fastapi", "uvicorn", "sse_starlette", "starlette_context", "pydantic_settings"):
    pytest.importorskip(extra)


@pytest.fixture(scope="module")
def url(small_model: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--model", str(small_model), "--port", str(port), "--n_ctx", "1024", "--embedding", "true"]
    server = subprocess.Popen(
        [sys.executable, "-m", "llama_cpp.server", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/v1"
    while True:
        assert server.poll() is None, "the server ended while it started"
        try:
            httpx.get(f"{url}/models")
            break
        except httpx.TransportError:
            time.sleep(0.2)
    yield url
    server.terminate()
    server.wait()


async def test_replies_raw_prompts_and_embeddings_come_from_a_real_server(url, ask):
    engine = open_engine(url)
    replies = await ask(engine, "Answer with the single word yes.", n=2, max_tokens=8)
    raw = await ask(engine, raw_prompt="1, 2, 3,", max_tokens=4, temperature=0)
    assert len(replies.samples) == 2
    assert [replies.streamed(index) for index in range(2)] == replies.texts
    assert all(replies.texts)
    assert "4" in raw.texts[0]
    vectors = await engine.embed(["a random forest", "a poem"])
    assert [round(sum(value * value for value in vector), 3) for vector in vectors] == [1.0, 1.0]
    await engine.close()
