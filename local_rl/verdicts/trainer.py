"""TRL's KTOTrainer over verdicts, in the engine's tokens. Import it after `load_unsloth` only.

What is TRL's: the loss against a frozen copy of the adapter, optimizer, schedule, checkpoints, resuming. What
is replaced: its tokenization, since what is trained has to be what the engine will be asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback
from trl import KTOConfig, KTOTrainer

from local_rl.errors import TrainingError
from local_rl.policy.loading import Policy
from local_rl.policy.trainer_fields import trainer_fields
from local_rl.verdicts.config import VerdictsConfig
from local_rl.verdicts.labels import Tokenized

APO, KTO = "apo_zero_unpaired", "kto"


class VerdictTrainer(KTOTrainer):  # type: ignore[misc]
    def __init__(
        self, policy: Policy, replies: Sequence[Tokenized], config: VerdictsConfig, folder: Path, updates: int
    ) -> None:
        from datasets import Dataset

        self._losses: list[float] = []
        super().__init__(
            model=policy.model,
            args=kto_config(config, folder, updates=updates, verdicts=len(replies)),
            train_dataset=Dataset.from_dict(
                {
                    "prompt_ids": [reply.prompt for reply in replies],
                    "completion_ids": [reply.reply for reply in replies],
                    "label": [reply.good for reply in replies],
                }
            ),
            processing_class=policy.tokenizer,
        )
        self.remove_callback(PrinterCallback)
        policy.keep_float32()

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """The run's own folder says what the adapter is."""

    def numbers(self) -> dict[str, float | None]:
        """Mean loss since the last call."""
        found = sum(self._losses) / len(self._losses) if self._losses else None
        self._losses = []
        return {"loss": found}

    def _prepare_dataset(self, dataset: Any, processing_class: Any, args: Any, dataset_name: str) -> Any:  # noqa: ARG002
        """The tokens are the engine's already; only the mismatched pairs of KTO's estimate are added."""
        if not self.calculate_KL:
            return dataset

        def shifted(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
            replies = batch["completion_ids"]
            return {**batch, "KL_completion_ids": [replies[-1], *replies[:-1]]}

        return dataset.map(shifted, batched=True, batch_size=args.per_device_train_batch_size)

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss: torch.Tensor = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss of update {self.state.global_step + 1} is {loss.item()}; lower the learning rate. "
                "The checkpoints before it are kept."
            )
        self._losses.append(loss.item() * self.current_gradient_accumulation_steps)
        return loss


def kto_config(config: VerdictsConfig, folder: Path, *, updates: int, verdicts: int) -> KTOConfig:
    """Every field that matters, since Unsloth and TRL change defaults from release to release."""
    few = verdicts < config.few
    return KTOConfig(
        max_steps=updates,
        per_device_train_batch_size=config.at_once,
        gradient_accumulation_steps=config.batch // config.at_once,
        learning_rate=config.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=0,
        weight_decay=0.0,
        max_grad_norm=1.0,
        data_seed=config.policy.seed,
        logging_nan_inf_filter=False,
        dataloader_drop_last=False,
        max_length=None,
        loss_type=APO if few else KTO,
        train_sampling_strategy="random" if few else "sequential",
        beta=config.beta,
        desirable_weight=config.desirable,
        undesirable_weight=config.undesirable,
        precompute_ref_log_probs=False,
        disable_dropout=True,
        **trainer_fields(folder, checkpoint_every=config.checkpoint_every, seed=config.policy.seed),
    )
