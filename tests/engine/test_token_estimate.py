"""An endpoint's tokens are estimated, and never too few, or a prompt would overflow its context."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlagent.engine.local import LlamaEngine
from jupyter_mlagent.engine.token_estimate import estimate_prompt_tokens, estimate_tokens
from jupyter_mlagent.records import ChatMessage

ROOT = Path(__file__).parents[2]


def texts() -> list[str]:
    rng = random.Random(0)
    numbers = "\n".join(",".join(f"{rng.gauss(0, 1000):.6g}" for _ in range(8)) for _ in range(60))
    table = "\n".join(
        f"{row:>5} {rng.random():.4f}   NaN  {rng.choice(['red', 'green'])}" for row in range(60)
    )
    sources = [path.read_text() for path in sorted((ROOT / "jupyter_mlagent").glob("*.py"))]
    prose = "Für größere Datenmengen — naïve 方法 逐渐 變慢. Привет, мир! 🙂👍🏽 " * 20
    traceback = (
        'Traceback (most recent call last):\n  File "<ipython>", line 3, in <cell>\nValueError: ["a"]\n' * 9
    )
    return [numbers, table, prose, traceback, " " * 500 + "x", "\n\n\t\t" * 80, "=" * 300, *sources]


@pytest.mark.model
@pytest.mark.parametrize("model", ["small_model", "coder_model"])
async def test_never_fewer_than_a_real_tokenizer_counts(model, request):
    engine = LlamaEngine(request.getfixturevalue(model), context_tokens=512)
    for text in texts():
        messages = [ChatMessage(role="user", content=text)]
        assert estimate_prompt_tokens(messages) >= await engine.count_tokens(messages), text[:60]
    await engine.close()


@given(st.text(max_size=60), st.text(max_size=60))
def test_more_text_never_has_fewer_tokens(text, more):
    assert 0 <= estimate_tokens(text) <= estimate_tokens(text + more) + 1
    assert estimate_tokens(text) <= len(text.encode("utf-8", "replace"))
