"""Opens a policy for training: the base through Unsloth, a LoRA adapter on it, and the engine's tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_mlagent.engine.catalog import ModelFile, resolve
from local_rl.errors import AdapterError
from local_rl.policy.config import PROJECTIONS, PolicyConfig, Precision
from local_rl.policy.stack import load_unsloth, on_gpu
from local_rl.policy.tokens import Tokens
from local_rl.policy.weights import identity, training_weights

if TYPE_CHECKING:
    import torch

PEFT_WEIGHTS = "adapter_model.safetensors"
PEFT_CONFIG = "adapter_config.json"


@dataclass
class Policy:
    """A model that learns. `model` is PEFT's; only its adapter changes."""

    model: Any
    tokenizer: Any
    """Transformers' own, which trainers want for padding; ids come from `tokens`."""
    tokens: Tokens
    base: ModelFile
    base_sha256: str
    precision: Precision
    config: PolicyConfig

    @property
    def device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    @property
    def trainable(self) -> list[torch.nn.Parameter]:
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def keep_float32(self) -> None:
        """TRL makes a quantized model's adapter bfloat16, in which small updates are rounded away."""
        for parameter in self.trainable:
            parameter.data = parameter.data.float()

    def save_adapter(self, folder: Path) -> None:
        """PEFT's form; `local_rl.policy.export` makes the engine's from it."""
        self.model.save_pretrained(str(folder), selected_adapters=["default"])

    def load_adapter(self, folder: Path) -> None:
        """The values of an adapter of the same shape, in place of the present ones."""
        import safetensors.torch
        from peft import set_peft_model_state_dict

        try:
            state = safetensors.torch.load_file(str(folder / PEFT_WEIGHTS))
        except (OSError, ValueError) as error:
            raise AdapterError(f"The adapter in {folder} cannot be read ({error}).") from None
        outcome = set_peft_model_state_dict(self.model, state)
        missing = [name for name in outcome.missing_keys if "lora_" in name and ".default." in name]
        if missing or outcome.unexpected_keys:
            raise AdapterError(
                f"The adapter in {folder} does not fit {self.base.name}: it has other layers or another rank."
            )


def load_policy(
    config: PolicyConfig,
    *,
    adapter: Path | None = None,
    on_doing: Callable[[str], None] = lambda _: None,
) -> Policy:
    """The policy that `config` names; `adapter`: a folder in PEFT's form to go on from.

    Raises ModelError when the model is not here, TrainingError when the training stack is not.
    """
    base = resolve(config.model)
    unsloth = load_unsloth()
    folder = training_weights(base, on_doing)
    precision = choose_precision(config.precision)
    on_doing(f"loading {base.name} for training ({precision.value})")
    model, tokenizer = unsloth.FastLanguageModel.from_pretrained(
        str(folder),
        max_seq_length=config.max_tokens,
        dtype=_compute_dtype(precision),
        load_in_4bit=precision is Precision.NF4,
        use_gradient_checkpointing=checkpointing(config),
    )
    shape = adapter_shape(adapter) if adapter is not None else (config.rank, config.alpha)
    model = unsloth.FastLanguageModel.get_peft_model(
        model,
        r=shape[0],
        lora_alpha=shape[1],
        lora_dropout=0.0,
        bias="none",
        target_modules=list(PROJECTIONS),
        use_gradient_checkpointing=checkpointing(config),
        random_state=config.seed,
    )
    policy = Policy(
        model=model,
        tokenizer=tokenizer,
        tokens=Tokens(base.path),
        base=base,
        base_sha256=identity(base),
        precision=precision,
        config=config,
    )
    if adapter is not None:
        policy.load_adapter(adapter)
    return policy


def choose_precision(wanted: Precision) -> Precision:
    """What `auto` means on this machine: emulated bfloat16 is slower than float32."""
    if wanted is not Precision.AUTO:
        return wanted
    if on_gpu():
        return Precision.NF4
    return Precision.BF16 if _computes_in_bf16() else Precision.FP32


def checkpointing(config: PolicyConfig) -> str | bool:
    """Unsloth's own on a GPU; a CPU has memory enough and would compute everything once more."""
    return "unsloth" if config.checkpointing and on_gpu() else False


def adapter_shape(folder: Path) -> tuple[int, int]:
    """Rank and alpha of an adapter in PEFT's form."""
    import json

    try:
        found = json.loads((folder / PEFT_CONFIG).read_text("utf-8"))
        return int(found["r"]), int(found["lora_alpha"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AdapterError(f"{folder} holds no adapter in PEFT's form ({error}).") from None


def _compute_dtype(precision: Precision) -> torch.dtype:
    import torch

    if precision is Precision.FP32 or (
        precision is Precision.NF4 and not on_gpu() and not _computes_in_bf16()
    ):
        return torch.float32
    return torch.bfloat16


def _computes_in_bf16() -> bool:
    """On a GPU, and where the processor has instructions for it."""
    from jupyter_mlagent.engine.cpu import read_cpu

    return on_gpu() or not read_cpu().features.isdisjoint({"amx_bf16", "avx512_bf16", "bf16"})
