"""What a trained policy is: base model, adapter shape, precision."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""All linear layers of a block; embeddings and head stay as they are, since the engine adapts neither."""


class Precision(StrEnum):
    """How the frozen base weights are held while training."""

    AUTO = "auto"
    NF4 = "nf4"
    BF16 = "bf16"
    FP32 = "fp32"


@dataclass(frozen=True)
class PolicyConfig:
    """The help texts are what the command line and the documentation show."""

    model: str = field(
        default="qwen2.5-coder-0.5b",
        metadata={"help": "Base model: a name of the catalog, or the path of a .gguf file."},
    )
    adapter: str = field(
        default="",
        metadata={"help": "Adapter to go on from: a name of `mlagent adapters list`; empty: from the base."},
    )
    rank: int = field(default=16, metadata={"help": "Rank of the LoRA matrices."})
    alpha: int = field(
        default=32, metadata={"help": "Scale of the adapter's effect: it counts alpha / rank times."}
    )
    precision: Precision = field(
        default=Precision.AUTO,
        metadata={
            "help": "How base weights are held: nf4 (4 bits, double quantization), bf16, fp32; auto: nf4 on "
            "a GPU, on a CPU bf16 where the processor computes in it, fp32 elsewhere."
        },
    )
    max_tokens: int = field(
        default=2048, metadata={"help": "Longest prompt with its reply, in tokens; longer ones are left out."}
    )
    checkpointing: bool = field(
        default=True,
        metadata={"help": "Compute activations again in the backward pass where memory is short (a GPU)."},
    )
    seed: int = field(default=0, metadata={"help": "Of the adapter's first values and the order of batches."})
