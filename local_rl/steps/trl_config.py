"""TRL's settings from ours: every field that matters, since Unsloth and TRL change defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trl import GRPOConfig

from local_rl.policy.trainer_fields import trainer_fields
from local_rl.steps.config import StepsConfig


def grpo_config(config: StepsConfig, folder: Path) -> GRPOConfig:
    return GRPOConfig(
        max_steps=config.updates,
        per_device_train_batch_size=config.batch,
        gradient_accumulation_steps=1,
        steps_per_generation=1,
        num_generations=config.actions,
        num_iterations=config.passes,
        max_completion_length=config.max_tokens,
        shuffle_dataset=False,
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=config.warmup,
        adam_beta1=0.9,
        adam_beta2=0.99,
        weight_decay=0.0,
        max_grad_norm=config.max_gradient,
        beta=config.kl,
        epsilon=config.clip_low,
        epsilon_high=config.clip_high,
        delta=None,
        loss_type="dr_grpo",
        scale_rewards="none",
        importance_sampling_level="token",
        mask_truncated_completions=False,
        sync_ref_model=False,
        top_entropy_quantile=1.0,
        entropy_coef=0.0,
        use_vllm=False,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        disable_dropout=True,
        ignore_data_skip=True,  # the data are drawn by update number
        **trainer_fields(folder, checkpoint_every=config.checkpoint_every, seed=config.policy.seed),
    )


def draws(config: StepsConfig) -> Any:
    """A dataset that is as long as the run and holds nothing: states are drawn by update number."""
    from datasets import Dataset

    return Dataset.from_dict({"prompt": [""] * (config.updates * config.batch // config.actions)})
