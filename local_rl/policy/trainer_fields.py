"""What every trainer of TRL is given alike, whatever it learns from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from local_rl.policy.stack import on_gpu


def trainer_fields(folder: Path, *, checkpoint_every: int, seed: int) -> dict[str, Any]:
    """Fields of `transformers.TrainingArguments`, set since Unsloth and TRL change defaults."""
    gpu = on_gpu()
    return {
        "output_dir": str(folder),
        "optim": "paged_adamw_8bit" if gpu else "adamw_torch",
        "gradient_checkpointing": False,  # Unsloth's own is set where the model is loaded
        "bf16": gpu,
        "fp16": False,
        "use_cpu": not gpu,
        "seed": seed,
        "save_strategy": "steps",
        "save_steps": checkpoint_every,
        "save_total_limit": 2,
        "logging_steps": 1,
        "report_to": [],
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "remove_unused_columns": False,
    }
