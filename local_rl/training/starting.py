"""What has to be known before a run begins: its base, the memory it needs, the device."""

from __future__ import annotations

from typing import Any

from jupyter_mlagent.engine.catalog import ModelFile, resolve
from jupyter_mlagent.training_events import TrainingKind
from local_rl.policy.config import PolicyConfig, Precision
from local_rl.policy.header import read_header
from local_rl.policy.loading import choose_precision
from local_rl.policy.memory import Estimate, estimate, refuse_unless_fits
from local_rl.policy.stack import on_gpu
from local_rl.policy.weights import identity
from local_rl.training.folder import Facts, RunFolder, installed_versions, new_run
from local_rl.training.options import to_toml
from local_rl.training.recipe import Plan, Recipe


def base_of(policy: PolicyConfig) -> tuple[ModelFile, str]:
    """The base model's file and its SHA-256; raises ModelError when it is not here."""
    base = resolve(policy.model)
    return base, identity(base)


def memory_needed(policy: PolicyConfig, base: ModelFile, plan: Plan) -> Estimate:
    gpu, precision = _device(policy)
    tokens = min(plan.prompt_tokens + plan.replies * plan.reply_tokens, plan.replies * policy.max_tokens)
    return estimate(read_header(base.path), policy, precision, row_tokens=tokens, gpu=gpu)


def check_memory(policy: PolicyConfig, base: ModelFile, plan: Plan) -> None:
    """Raises TrainingError, with the numbers, when the memory cannot suffice."""
    limit, device = available_memory()
    refuse_unless_fits(memory_needed(policy, base, plan), limit, device)


def available_memory() -> tuple[int, str]:
    """Bytes that a trainer may take, and what has them."""
    if on_gpu():
        import torch

        free, _ = torch.cuda.mem_get_info()
        return int(free), "the GPU"
    from jupyter_mlagent.engine.memory import read_memory

    return read_memory().available_bytes, "this machine"


def device_name() -> str:
    if on_gpu():
        import torch

        return str(torch.cuda.get_device_name(0))
    from jupyter_mlagent.engine.threads import usable_cores

    return f"CPU, {usable_cores()} cores"


def create_run(kind: TrainingKind, recipe: Recipe, config: Any, plan: Plan) -> RunFolder:
    """A folder with the exact config and everything else that the run depends on."""
    from local_rl.adapters.find import peft_folder
    from local_rl.adapters.store import now
    from local_rl.policy.loading import PEFT_WEIGHTS

    policy = recipe.policy(config)
    base, base_sha256 = base_of(policy)
    adapter_sha256 = ""
    if policy.adapter:
        from jupyter_mlagent.engine.prefix_file import sha256_of

        adapter_sha256 = sha256_of(peft_folder(policy.adapter, base_sha256) / PEFT_WEIGHTS)
    folder = new_run(kind)
    folder.create(
        to_toml(config),
        Facts(
            kind=kind,
            created=now(),
            base_model=base.name,
            base_sha256=base_sha256,
            data_fingerprint=plan.data_fingerprint,
            adapter=policy.adapter,
            adapter_sha256=adapter_sha256,
            seed=policy.seed,
            packages=installed_versions(),
        ),
    )
    return folder


def _device(policy: PolicyConfig) -> tuple[bool, Precision]:
    return on_gpu(), choose_precision(policy.precision)
