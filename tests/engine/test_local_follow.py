"""An engine serves with the adapter that is in use for its model, and swaps when that changes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from jupyter_mlagent import paths
from jupyter_mlagent.engine.active import ACTIVE_FILE, Chosen, Follower, adapter_file
from jupyter_mlagent.engine.local import LlamaEngine

pytestmark = pytest.mark.model

gguf = pytest.importorskip("gguf")

BASE = "ab" * 32


def write_adapter(path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    path.parent.mkdir(parents=True)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 4.0)
    for layer in range(30):
        name = f"blk.{layer}.attn_v.weight"
        writer.add_tensor(f"{name}.lora_a", random.normal(0, 0.05, (4, 576)).astype(np.float32))
        writer.add_tensor(f"{name}.lora_b", random.normal(0, 0.05, (192, 4)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def choose(name: str | None) -> None:
    """As `local_rl.adapters` does it."""
    path = paths.adapters_dir() / ACTIVE_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_bytes(msgspec.json.encode({BASE: Chosen(name=name)}))
    temporary.replace(path)


async def test_a_promotion_reaches_a_running_engine_and_a_roll_back_too(
    small_model: Path, ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path))
    for seed, name in enumerate(("one", "two")):
        write_adapter(adapter_file(name), seed)
    engine = LlamaEngine(small_model, context_tokens=512, sha256=BASE, follower=Follower(BASE))
    try:
        base = (await ask(engine)).samples
        seen = {}
        for name in ("one", "two", "one", None):
            choose(name)
            samples = (await ask(engine)).samples
            adapter = (await engine.info()).adapter
            assert adapter == (str(adapter_file(name)) if name else None)
            assert seen.setdefault(name, samples) == samples
        assert seen[None] == base
        assert len({samples[0].logprobs for samples in seen.values()}) == 3

        await engine.load_adapter(adapter_file("two"))
        choose("one")
        assert (await ask(engine)).samples == seen["two"], "what was named stays"
    finally:
        await engine.close()


async def test_an_engine_that_starts_has_the_adapter_in_use_from_the_first(
    small_model: Path, ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path))
    write_adapter(adapter_file("one"), 0)
    choose("one")
    engine = LlamaEngine(small_model, context_tokens=512, sha256=BASE, follower=Follower(BASE))
    try:
        info = await engine.start()
        assert info.adapter == str(adapter_file("one"))
    finally:
        await engine.close()
