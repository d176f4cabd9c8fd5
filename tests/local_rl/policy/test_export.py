"""An adapter in the engine does what it does in the trainer; what the engine cannot do is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlagent.engine.api import GenerateRequest, ReplyDone, SamplingOptions
from jupyter_mlagent.engine.local import LlamaEngine
from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.records import ChatMessage, Sample
from local_rl.errors import AdapterError
from local_rl.policy.config import PROJECTIONS
from local_rl.policy.export import export_adapter, read_adapter_header, run_time_alpha
from local_rl.policy.header import read_header
from local_rl.policy.loading import PEFT_CONFIG, PEFT_WEIGHTS

if TYPE_CHECKING:
    from local_rl.policy.loading import Policy

pytestmark = [pytest.mark.rl, pytest.mark.model]

QUANTIZATION = 0.3
"""Nats a token at most: the engine multiplies in 8 bits, the trainer in 32, and random adapters are rough."""
SHARE = 0.3
"""Of the adapter's effect, at most: rows in a wrong order would differ by as much as the effect."""
MESSAGES = (
    ChatMessage(role="system", content="You write the next cell of a notebook."),
    ChatMessage(role="user", content="The metric is now 0.81. Write the next cell: train a better model."),
)


def randomise(policy: Policy, modules: tuple[str, ...], size: float) -> None:
    """B of these modules at random, all others zero: only they have an effect."""
    import torch

    torch.manual_seed(7)
    for name, parameter in policy.model.named_parameters():
        if "lora_A" in name:
            torch.nn.init.normal_(parameter, std=0.1)
        if "lora_B" in name:
            torch.nn.init.zeros_(parameter)
            if any(f".{module}." in name for module in modules):
                torch.nn.init.normal_(parameter, std=size)


def trainer_log_probabilities(policy: Policy, sample: Sample) -> list[float]:
    import torch

    prompt = policy.tokens.prompt(MESSAGES)
    row = torch.tensor([[*prompt, *sample.token_ids]])
    policy.model.eval()
    with torch.no_grad():
        logits = policy.model(input_ids=row).logits[0, len(prompt) - 1 : -1].float()
    table = torch.log_softmax(logits, dim=-1)
    return [float(table[place, token]) for place, token in enumerate(sample.token_ids)]


async def greedy(engine: LlamaEngine, tokens: int = 24) -> Sample:
    asked = GenerateRequest(messages=MESSAGES, options=SamplingOptions(max_tokens=tokens, temperature=0))
    replies = [event async for event in engine.generate(asked) if isinstance(event, ReplyDone)]
    return replies[0].sample


def mean_difference(left: Any, right: Any) -> float:
    return sum(abs(one - other) for one, other in zip(left, right, strict=True)) / len(left)


async def check_round_trip(policy: Policy, folder: Path, modules: tuple[str, ...], quantize: bool) -> None:
    """The engine's log-probabilities are the trainer's, with the adapter, and the adapter matters."""
    policy.save_adapter(folder / "peft")
    header = read_header(policy.base.path)
    export_adapter(folder / "peft", folder / "a.gguf", header=header, quantize=quantize)
    engine = LlamaEngine(policy.base.path, context_tokens=1024)
    try:
        await engine.load_adapter(folder / "a.gguf")
        sample = await greedy(engine)
    finally:
        await engine.close()
    with_adapter = trainer_log_probabilities(policy, sample)
    with policy.model.disable_adapter():
        without = trainer_log_probabilities(policy, sample)
    effect = mean_difference(with_adapter, without)
    assert effect > 0.3, modules
    assert mean_difference(sample.logprobs, with_adapter) < min(QUANTIZATION, SHARE * effect), modules


SIZES = {"q_proj": 0.6, "k_proj": 0.6, "v_proj": 0.15, "o_proj": 0.25, "gate_proj": 0.25, "up_proj": 0.25}


@pytest.mark.parametrize("module", PROJECTIONS)
async def test_each_module_alone_means_the_same_in_engine_and_trainer(
    small_policy: Policy, tmp_path: Path, module: str
) -> None:
    randomise(small_policy, (module,), SIZES.get(module, 0.1))
    await check_round_trip(small_policy, tmp_path, (module,), quantize=False)


async def test_all_modules_in_eight_bits_mean_nearly_the_same(small_policy: Policy, tmp_path: Path) -> None:
    randomise(small_policy, PROJECTIONS, 0.1)
    await check_round_trip(small_policy, tmp_path, PROJECTIONS, quantize=True)
    whole = tmp_path / "whole.gguf"
    export_adapter(tmp_path / "peft", whole, header=read_header(small_policy.base.path))
    assert (tmp_path / "a.gguf").stat().st_size < 0.5 * whole.stat().st_size


@pytest.mark.slow
async def test_the_coder_models_architecture_too(training_stack: Any, coder: Path, tmp_path: Path) -> None:
    from local_rl.policy.config import PolicyConfig
    from local_rl.policy.loading import load_policy

    policy = load_policy(PolicyConfig(model="qwen2.5-coder-0.5b"))
    randomise(policy, PROJECTIONS, 0.02)
    await check_round_trip(policy, tmp_path, PROJECTIONS, quantize=True)
    assert (tmp_path / "a.gguf").stat().st_size <= 20_000_000


@pytest.fixture
def coder() -> Path:
    from jupyter_mlagent.engine.catalog import resolve
    from jupyter_mlagent.errors import ModelError

    try:
        return resolve("qwen2.5-coder-0.5b").path
    except ModelError as error:
        pytest.skip(str(error))


def test_the_file_says_what_it_is(small_policy: Policy, tmp_path: Path) -> None:
    small_policy.save_adapter(tmp_path)
    header = read_header(small_policy.base.path)
    export_adapter(tmp_path, tmp_path / "a.gguf", header=header, base_sha256="ab" * 32)
    found = read_adapter_header(tmp_path / "a.gguf")
    assert (found.architecture, found.alpha, found.base_sha256) == ("llama", 8.0, "ab" * 32)
    assert found.tensors == 2 * len(PROJECTIONS) * header.layers


Change = Callable[[dict[str, Any]], None]


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("use_dora", True, "DoRA"),
        ("alpha_pattern", {"q_proj": 3}, "alpha_pattern"),
        ("modules_to_save", ["lm_head"], "modules_to_save"),
        ("bias", "all", "biases"),
        ("fan_in_fan_out", True, "transposed"),
        ("init_lora_weights", "pissa", "changed base"),
        ("peft_type", "IA3", "another method"),
    ],
)
def test_what_the_engine_cannot_do_is_refused(
    small_policy: Policy, tmp_path: Path, field: str, value: Any, named: str
) -> None:
    small_policy.save_adapter(tmp_path)
    config = json.loads((tmp_path / PEFT_CONFIG).read_text())
    (tmp_path / PEFT_CONFIG).write_text(json.dumps(config | {field: value}))
    with pytest.raises(AdapterError, match=named):
        export_adapter(tmp_path, tmp_path / "a.gguf", header=read_header(small_policy.base.path))
    assert not (tmp_path / "a.gguf").exists()


def test_the_scale_of_rslora_is_folded_in() -> None:
    plain = {"r": 16, "lora_alpha": 32}
    assert run_time_alpha(plain) == 32
    assert run_time_alpha(plain | {"use_rslora": True}) / 16 == pytest.approx(32 / 16**0.5)


@pytest.mark.parametrize("key", ["lm_head.lora_A.weight", "model.norm.weight"])
def test_other_layers_are_refused(small_policy: Policy, tmp_path: Path, key: str) -> None:
    import torch
    from safetensors.torch import save_file

    small_policy.save_adapter(tmp_path)
    save_file({f"base_model.model.{key}": torch.zeros(4, 576)}, tmp_path / PEFT_WEIGHTS)
    with pytest.raises(AdapterError, match="engine cannot"):
        export_adapter(tmp_path, tmp_path / "a.gguf", header=read_header(small_policy.base.path))


def test_an_adapter_of_another_model_or_architecture_is_refused(small_policy: Policy, tmp_path: Path) -> None:
    import msgspec

    header = read_header(small_policy.base.path)
    small_policy.save_adapter(tmp_path)
    with pytest.raises(AdapterError, match="for another model"):
        export_adapter(tmp_path, tmp_path / "a.gguf", header=msgspec.structs.replace(header, width=896))
    with pytest.raises(AdapterError, match="'gemma3' cannot be exported"):
        export_adapter(
            tmp_path, tmp_path / "a.gguf", header=msgspec.structs.replace(header, architecture="gemma3")
        )


async def test_the_engine_refuses_an_adapter_of_another_architecture(
    small_policy: Policy, tmp_path: Path
) -> None:
    small_policy.save_adapter(tmp_path)
    export_adapter(tmp_path, tmp_path / "a.gguf", header=read_header(small_policy.base.path))
    length = (5).to_bytes(8, "little")
    data = (tmp_path / "a.gguf").read_bytes().replace(length + b"llama", length + b"qwen2", 1)
    (tmp_path / "q.gguf").write_bytes(data)
    engine = LlamaEngine(small_policy.base.path, context_tokens=512)
    try:
        with pytest.raises(EngineError, match="does not fit"):
            await engine.load_adapter(tmp_path / "q.gguf")
    finally:
        await engine.close()
