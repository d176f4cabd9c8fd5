"""An adapter in the engine's form: PEFT's matrices under llama.cpp's names, in a GGUF file.

No converter is needed. What the engine computes is `scale * B(A(x))` with scale = alpha / rank, for linear
layers of blocks; whatever an adapter does beyond that is refused, since it would be lost without a word.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jupyter_mlagent.records import Record
from local_rl.errors import AdapterError
from local_rl.policy.header import Header
from local_rl.policy.loading import PEFT_CONFIG, PEFT_WEIGHTS

BASE_KEY = "mlagent.base_sha256"
ARCHITECTURES = ("llama", "qwen2", "qwen3")
"""Whose rows of Q and K were compared with the trainer's, see `_as_served`."""

Array = npt.NDArray[Any]

_NAME = re.compile(
    r"base_model\.model\.(?P<layer>.+)\.lora_(?P<side>[AB])(?:\.default)?\.weight$",
)


class AdapterHeader(Record):
    """What a GGUF adapter says of itself."""

    architecture: str
    alpha: float
    base_sha256: str
    """Empty for one that this project did not write."""
    tensors: int


def export_adapter(
    folder: Path, target: Path, *, header: Header, base_sha256: str = "", quantize: bool = False
) -> None:
    """Write the adapter in `folder` (PEFT's form) as the GGUF file `target`, whole or not at all.

    `quantize`: 8 bits a weight where the layout allows it, half precision elsewhere; about 14 MB in place of
    35 for the 0.5B at rank 16. Raises AdapterError for what the engine cannot do.
    """
    import gguf

    config = read_config(folder)
    if header.architecture not in ARCHITECTURES:
        raise AdapterError(
            f"Adapters for the architecture '{header.architecture}' cannot be exported; "
            f"known are {', '.join(ARCHITECTURES)}."
        )
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    writer = gguf.GGUFWriter(temporary, header.architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", run_time_alpha(config))
    if base_sha256:
        writer.add_string(BASE_KEY, base_sha256)
    for name, matrix in _served_tensors(folder, header):
        if not quantize:
            writer.add_tensor(name, matrix)
        elif matrix.shape[1] % 32 == 0:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(matrix, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, matrix.astype(np.float16))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        temporary.replace(target)
    except OSError as error:
        raise AdapterError(f"The adapter {target} cannot be written ({error.strerror}).") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_adapter_header(path: Path) -> AdapterHeader:
    """Raises AdapterError for a file that is no adapter."""
    import gguf

    try:
        reader = gguf.GGUFReader(path)
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise AdapterError(f"{path} is no GGUF file, or a damaged one ({error}).") from None

    def text(key: str) -> str:
        found = reader.get_field(key)
        return str(found.contents()) if found is not None else ""

    if text("general.type") != "adapter" or text("adapter.type") != "lora":
        raise AdapterError(f"{path} is a GGUF file, but no LoRA adapter.")
    return AdapterHeader(
        architecture=text("general.architecture"),
        alpha=float(text("adapter.lora.alpha") or 0.0),
        base_sha256=text(BASE_KEY),
        tensors=len(reader.tensors),
    )


def read_config(folder: Path) -> dict[str, Any]:
    """PEFT's configuration; raises AdapterError when the engine could not do what it says."""
    try:
        config: dict[str, Any] = json.loads((folder / PEFT_CONFIG).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise AdapterError(f"{folder} holds no adapter in PEFT's form ({error}).") from None
    refusals = {
        "another method than LoRA": config.get("peft_type", "LORA") != "LORA",
        "DoRA": config.get("use_dora"),
        "an alpha of its own for some layers (alpha_pattern)": config.get("alpha_pattern"),
        "whole modules beside the matrices (modules_to_save)": config.get("modules_to_save"),
        "trained biases": config.get("bias", "none") != "none" or config.get("lora_bias"),
        "a transposed layout (fan_in_fan_out)": config.get("fan_in_fan_out"),
        "rsLoRA with several ranks": config.get("use_rslora") and config.get("rank_pattern"),
        "a changed base (init_lora_weights)": config.get("init_lora_weights", True)
        not in (True, False, "gaussian"),
    }
    refused = next((name for name, found in refusals.items() if found), None)
    if refused is not None:
        raise AdapterError(f"The adapter in {folder} uses {refused}, which the engine cannot: train without.")
    return config


def run_time_alpha(config: dict[str, Any]) -> float:
    """What makes alpha / rank the adapter's scale; rsLoRA's, alpha / sqrt(rank), is folded in."""
    alpha, rank = float(config["lora_alpha"]), int(config["r"])
    return alpha * math.sqrt(rank) if config.get("use_rslora") else alpha


def _served_tensors(folder: Path, header: Header) -> Iterator[tuple[str, Array]]:
    import gguf
    import safetensors.torch

    architecture = next(arch for arch, name in gguf.MODEL_ARCH_NAMES.items() if name == header.architecture)
    names = gguf.get_tensor_name_map(architecture, header.layers)
    try:
        state = safetensors.torch.load_file(str(folder / PEFT_WEIGHTS))
    except (OSError, ValueError) as error:
        raise AdapterError(f"The adapter in {folder} cannot be read ({error}).") from None
    for key in sorted(state):
        match = _NAME.match(key)
        if match is None:
            raise AdapterError(f"The adapter in {folder} holds '{key}', which the engine cannot use.")
        layer, side = match["layer"], match["side"]
        module = layer.rpartition(".")[2]
        served = names.get_name(layer)
        if served is None or module not in header.projections:
            raise AdapterError(f"The adapter in {folder} changes '{layer}', which the engine cannot adapt.")
        matrix: Array = state[key].float().numpy()
        expected = header.projections[module][0 if side == "A" else 1]
        if matrix.shape[1 if side == "A" else 0] != expected:
            raise AdapterError(
                f"The adapter in {folder} is for another model: its {module} has size "
                f"{matrix.shape[1 if side == 'A' else 0]} where this one has {expected}."
            )
        if side == "B":
            matrix = _as_served(matrix, module, header)
        yield f"{served}.weight.lora_{side.lower()}", np.ascontiguousarray(matrix)


def _as_served(matrix: Array, module: str, header: Header) -> Array:
    """B with its rows in the served order: llama's files interleave the two halves of each head of Q and K.

    matrix: (outputs, rank).
    """
    heads = {"q_proj": header.heads, "k_proj": header.kv_heads}.get(module)
    if header.architecture != "llama" or heads is None:
        return matrix
    outputs, rank = matrix.shape
    halves = matrix.reshape(heads, 2, outputs // heads // 2, rank)
    return halves.swapaxes(1, 2).reshape(outputs, rank)
