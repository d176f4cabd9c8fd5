"""Embeddings from the weights that generate."""

from __future__ import annotations

import numpy as np
import pytest
import pytest_asyncio

from jupyter_mlagent.engine.local import LlamaEngine

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(small_model):
    engine = LlamaEngine(small_model, context_tokens=1024)
    yield engine
    await engine.close()


async def test_vectors_have_unit_length_and_one_size(engine):
    vectors = np.array(await engine.embed(["a random forest", "x = 1", "", "é漢🙂"]))
    assert vectors.shape == (4, 576)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)


async def test_near_texts_are_nearer_than_far_ones(engine):
    forest, boosting, poem = np.array(
        await engine.embed(
            [
                "Train a random forest on the training data.",
                "Train a gradient boosting model on the training data.",
                "O wild West Wind, thou breath of Autumn's being",
            ]
        )
    )
    assert forest @ boosting > forest @ poem


async def test_a_text_longer_than_any_context_is_embedded_whole(engine):
    """Two texts that differ only far behind the first stretch have different vectors."""
    long = "the cat sat on the mat. " * 300
    one, other = await engine.embed([long, long + "import torch " * 40])
    assert one != other


async def test_embedding_does_not_disturb_the_kept_prompt(engine, ask):
    prompt = "Readings: " + ", ".join(str(number) for number in range(120))
    before = await ask(engine, prompt)
    await engine.embed([prompt])
    after = await ask(engine, prompt)
    assert after.read.cached_tokens > 100
    assert after.samples == before.samples


async def test_nothing_asked_nothing_returned(engine):
    assert await engine.embed([]) == []
