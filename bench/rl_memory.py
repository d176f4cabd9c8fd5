"""Peak memory of a step-wise update on a GPU, for models of the usual sizes with random weights.

Each size in a process of its own, so that nothing of one is left when the next is measured. Called by
bench/rl.py and tests/gpu; by itself: python bench/rl_memory.py SIZE
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PROMPT, REPLY, GROUP = 2048, 256, 8
LIMITS = {"7B": 12.0, "1.5B": 5.0, "0.5B": 3.0}
"""GB."""
SHAPES: dict[str, dict[str, Any]] = {
    "7B": {
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "vocab_size": 152064,
        "tie_word_embeddings": False,
    },
    "1.5B": {
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
        "tie_word_embeddings": True,
    },
    "0.5B": {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
        "tie_word_embeddings": True,
    },
}
"""Of Qwen2.5-Coder, as their configurations say."""


def measure_all() -> list[dict[str, Any]]:
    """Rows for bench/rl.py."""
    return [
        {
            "name": f"peak memory, {size}, G={GROUP}, {PROMPT}+{REPLY}",
            "value": gigabytes,
            "against": LIMITS[size],
            "unit": "GB",
            "limit": 1.0,
            "ratio": gigabytes / LIMITS[size],
            "at_most": True,
            "note": "random weights",
        }
        for size in LIMITS
        for gigabytes in [measure_apart(size)]
    ]


def measure_apart(size: str) -> float:
    """Gigabytes at the peak of one update."""
    done = subprocess.run([sys.executable, __file__, size], check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])["gigabytes"])


def measure(size: str) -> float:
    """One update of a group, as `local_rl.steps.trainer` does it, from given actions."""
    from local_rl.policy.stack import load_unsloth

    unsloth = load_unsloth()
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from local_rl.policy.config import PROJECTIONS
    from local_rl.steps.loss import group_loss
    from local_rl.steps.loss_config import LossConfig
    from local_rl.steps.packing import packed_log_probabilities

    with tempfile.TemporaryDirectory() as place:
        with torch.device("cuda"):
            made = Qwen2ForCausalLM(Qwen2Config(**SHAPES[size], dtype="bfloat16")).to(torch.bfloat16)
        made.save_pretrained(place)
        _write_tokenizer(Path(place))
        del made
        torch.cuda.empty_cache()
        model, _ = unsloth.FastLanguageModel.from_pretrained(
            place, max_seq_length=PROMPT + REPLY, load_in_4bit=True, use_gradient_checkpointing="unsloth"
        )
    model = unsloth.FastLanguageModel.get_peft_model(
        model, r=16, lora_alpha=32, target_modules=list(PROJECTIONS), use_gradient_checkpointing="unsloth"
    )
    from bitsandbytes.optim import PagedAdamW8bit
    from trl.trainer.utils import add_fused_lm_head

    add_fused_lm_head(model.get_base_model(), outputs=("log_probs", "entropy"))
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = PagedAdamW8bit(trainable, lr=1e-5)
    torch.cuda.reset_peak_memory_stats()
    prompt = torch.randint(5, 30_000, (PROMPT,)).tolist()
    replies = [torch.randint(5, 30_000, (REPLY,)).tolist() for _ in range(GROUP)]
    for _ in range(2):  # the second with the optimizer's moments there
        now, _ = packed_log_probabilities(model, prompt, replies)
        loss, _ = group_loss(
            now,
            before=now.detach(),
            sampler=now.detach(),
            reference=now.detach(),
            advantages=torch.linspace(-1, 1, GROUP, device=now.device),
            mask=torch.ones_like(now),
            config=LossConfig(),
            longest=REPLY,
        )
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return float(torch.cuda.max_memory_reserved() / 1e9)


def _write_tokenizer(folder: Path) -> None:
    """Unsloth wants one; what is measured has token ids already."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {f"t{number}": number for number in range(1000)}
    PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="t0")), eos_token="t1", pad_token="t2"
    ).save_pretrained(folder)


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps({"gigabytes": measure(sys.argv[1])}))
        return
    import torch

    if not torch.cuda.is_available():
        print("peak memory of a step-wise update: left out, there is no GPU")
        return
    for row in measure_all():
        print(f"{row['name']:<44}{row['value']:>7.1f} GB, wanted <= {row['against']:g} GB")


if __name__ == "__main__":
    main()
