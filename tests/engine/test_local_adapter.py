"""LoRA adapters on a live worker: a random one, so large that it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from jupyter_mlagent.engine.api import ReplyDone
from jupyter_mlagent.engine.local import LlamaEngine
from jupyter_mlagent.errors import EngineError

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

gguf = pytest.importorskip("gguf")

RANK = 4
MakeAdapter = Callable[..., Path]


def write_adapter(path: Path, shapes: dict[str, tuple[int, int]], architecture: str, seed: int) -> Path:
    """`shapes`: (inputs, outputs) of each weight, whose change is B @ A."""
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(RANK))
    for name, (inputs, outputs) in shapes.items():
        a = rng.normal(0, 0.05, (RANK, inputs)).astype(np.float32)
        b = rng.normal(0, 0.05, (outputs, RANK)).astype(np.float32)
        writer.add_tensor(f"{name}.lora_a", a)
        writer.add_tensor(f"{name}.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def make_adapter(small_model, tmp_path) -> MakeAdapter:
    reader = gguf.GGUFReader(small_model)
    shapes = {
        tensor.name: (int(tensor.shape[0]), int(tensor.shape[1]))
        for tensor in reader.tensors
        if tensor.name.endswith(("attn_v.weight", "ffn_down.weight"))
    }

    def make(name: str = "a", seed: int = 0, architecture: str = "llama", wider: int = 0) -> Path:
        own = {key: (inputs + wider, outputs) for key, (inputs, outputs) in shapes.items()}
        return write_adapter(tmp_path / f"{name}.gguf", own, architecture, seed)

    return make


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(small_model):
    engine = LlamaEngine(small_model, context_tokens=1024)
    yield engine
    await engine.close()


LONG = "Readings: " + ", ".join(str(number * 37 % 101) for number in range(150))


async def test_an_adapter_changes_replies_and_taking_it_off_restores_them_exactly(engine, ask, make_adapter):
    base = await ask(engine, LONG, cache_key="one")
    info = await engine.load_adapter(make_adapter("a"))
    with_adapter = await ask(engine, LONG, cache_key="one")
    info_after = await engine.load_adapter(None)
    restored = await ask(engine, LONG, cache_key="one")

    assert info.adapter is not None and Path(info.adapter).name == "a.gguf"
    assert with_adapter.samples != base.samples
    assert with_adapter.read.cached_tokens == 0, "prompts evaluated without the adapter must be forgotten"
    assert info_after.adapter is None
    assert restored.samples == base.samples
    assert restored.read.cached_tokens == 0


async def test_prompts_of_other_notebooks_are_forgotten_too(engine, ask, make_adapter):
    await ask(engine, LONG, cache_key="one")
    await ask(engine, LONG[::-1], cache_key="two")
    await engine.load_adapter(make_adapter("a"))
    assert (await ask(engine, LONG, cache_key="one")).read.cached_tokens == 0
    await engine.load_adapter(None)


async def test_swapping_is_repeatable_and_scale_counts(engine, ask, make_adapter):
    seen = {}
    for _ in range(2):
        for name, scale in (("a", 1.0), ("b", 1.0), ("a", 0.5)):
            await engine.load_adapter(make_adapter(name, seed=ord(name)), scale)
            samples = (await ask(engine, LONG)).samples
            assert seen.setdefault((name, scale), samples) == samples
    assert len({samples[0].logprobs for samples in seen.values()}) == 3
    await engine.load_adapter(None)


async def test_a_swap_waits_for_the_reply_under_way(engine, ask, make_request, make_adapter):
    base = (await ask(engine, max_tokens=48)).samples
    stream = engine.generate(make_request(max_tokens=48))
    await anext(stream)
    swap = asyncio.create_task(engine.load_adapter(make_adapter("a")))
    samples = [event.sample async for event in stream if isinstance(event, ReplyDone)]
    await swap
    assert samples == base
    await engine.load_adapter(None)


async def test_what_is_no_fitting_adapter_is_refused_and_the_one_in_use_stays(
    engine, ask, make_adapter, small_model, tmp_path
):
    garbage = tmp_path / "garbage.gguf"
    garbage.write_bytes(b"not a gguf file at all")
    await engine.load_adapter(make_adapter("a"))
    before = (await ask(engine, LONG)).samples
    refused = {
        make_adapter("q", architecture="qwen2"): "arch mismatch",
        make_adapter("w", wider=32): "incorrect shape",
        garbage: "magic",
        small_model: "but got: model",
        tmp_path / "absent.gguf": "does not exist",
    }
    for path, reason in refused.items():
        with pytest.raises(EngineError, match=reason) as refusal:
            await engine.load_adapter(path)
        assert "\n" not in str(refusal.value)
    assert (await ask(engine, LONG)).samples == before
    assert (await engine.info()).adapter
    await engine.load_adapter(None)


async def test_embeddings_stay_those_of_the_base(engine, make_adapter):
    base = await engine.embed(["scale the features"])
    await engine.load_adapter(make_adapter("a"))
    assert await engine.embed(["scale the features"]) == base
    await engine.load_adapter(None)
