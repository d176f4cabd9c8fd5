"""A model of a few thousand weights, made from its shape alone: checks of the maths need no files."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings

# A slow machine is no failure.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture(scope="session")
def training_stack() -> Any:
    """Unsloth first, as everywhere; tests that need it are skipped where it is not installed."""
    pytest.importorskip("unsloth", exc_type=ImportError)
    from local_rl.policy.stack import load_unsloth

    return load_unsloth()


@pytest.fixture
def tiny(training_stack: Any) -> Any:
    """A LoRA over a random Qwen2, in float32, with TRL's fused head."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import Qwen2Config, Qwen2ForCausalLM
    from trl.trainer.utils import add_fused_lm_head

    torch.manual_seed(0)
    shape = Qwen2Config(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        attention_dropout=0.0,
        tie_word_embeddings=True,
    )
    base = Qwen2ForCausalLM(shape)
    add_fused_lm_head(base, outputs=("log_probs", "entropy"))
    model = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules="all-linear"))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model
