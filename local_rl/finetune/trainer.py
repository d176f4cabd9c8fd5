"""TRL's SFTTrainer over rows that share a prompt. Imports the training stack: after `load_unsloth` only.

What is TRL's: the fused head (only learned tokens are projected onto the vocabulary), optimizer, schedule,
checkpoints, resuming. What is replaced: the collator, since a row brings a mask of its own, and the loss,
since every reply has a weight. Where memory is short a row is computed in halves, and the sum stays the same.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from local_rl.errors import TrainingError
from local_rl.finetune.config import FinetuneConfig
from local_rl.finetune.rows import Row
from local_rl.policy.loading import Policy
from local_rl.policy.stack import on_gpu
from local_rl.policy.trainer_fields import trainer_fields
from local_rl.steps.packing import visible


class FinetuneTrainer(SFTTrainer):  # type: ignore[misc]
    def __init__(
        self,
        policy: Policy,
        rows: Sequence[Row],
        config: FinetuneConfig,
        folder: Path,
        *,
        updates: int,
        replies_at_once: int,
        callbacks: Sequence[Any] = (),
        on_memory: Callable[[int], None] = lambda _: None,
    ) -> None:
        """`on_memory(n)`: memory was short, and from now on n replies are computed at once."""
        from datasets import Dataset

        self._policy = policy
        self._rows = rows
        self._at_once = replies_at_once
        self._on_memory = on_memory
        self._typical = sum(row.learned for row in rows) / len(rows)
        self._sum = self._entropy = 0.0
        self._learned = 0
        super().__init__(
            model=policy.model,
            args=sft_config(config, folder, updates=updates),
            train_dataset=Dataset.from_dict({"row": list(range(len(rows)))}),
            data_collator=self._collate,
            processing_class=policy.tokenizer,
            callbacks=list(callbacks),
        )
        self.remove_callback(PrinterCallback)
        self.model_accepts_loss_kwargs = False  # so that each row counts 1 / rows of its update
        policy.keep_float32()

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """The run's own folder says what the adapter is."""

    def numbers(self) -> dict[str, float | None]:
        """Mean loss and entropy of the learned tokens since the last call, in nats a token."""
        learned = max(1, self._learned)
        found: dict[str, float | None] = {"loss": self._sum / learned, "entropy": self._entropy / learned}
        self._sum, self._entropy, self._learned = 0.0, 0.0, 0
        return found

    def _collate(self, features: list[dict[str, Any]]) -> dict[str, Any]:
        (feature,) = features
        return {"row": feature["row"]}

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: ARG002 - TRL's signature
        num_items_in_batch: Any = None,  # noqa: ARG002
    ) -> torch.Tensor:
        """Of one row, with all gradients but those of its last piece already accumulated."""
        pieces = self._rows[inputs["row"]].pieces(self._at_once)
        done = 0.0
        for piece in pieces[:-1]:
            loss = self._loss(model, piece)
            self.accelerator.backward(loss / self.current_gradient_accumulation_steps)
            done += loss.item()
        return self._loss(model, pieces[-1]) + done

    def _loss(self, model: Any, row: Row) -> torch.Tensor:
        packed, weights = row.packed()
        device = self.accelerator.device
        output = model(
            input_ids=torch.tensor([packed.tokens], device=device),
            attention_mask=visible(torch.tensor(packed.segments, device=device))[None, None],
            position_ids=torch.tensor([packed.positions], device=device),
            shift_labels=torch.tensor([packed.labels], device=device),
            fused_lm_head=True,
        )
        weight = torch.tensor([weights], device=device)
        loss: torch.Tensor = -(output.log_probs * weight).sum() / self._typical
        if not torch.isfinite(loss):
            raise TrainingError(
                f"The loss of update {self.state.global_step + 1} is {loss.item()}: it was computed from "
                f"{row.origin}; look at that example, or lower the learning rate. "
                "The checkpoints before it are kept."
            )
        self._sum -= output.log_probs.detach().sum().item()
        self._entropy += output.entropy.detach().sum().item()
        self._learned += row.learned
        return loss

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        while True:
            before = [None if p.grad is None else p.grad.clone() for p in self._policy.trainable]
            counted = self._sum, self._entropy, self._learned
            try:
                loss: torch.Tensor = super().training_step(model, dict(inputs), num_items_in_batch)
            except (torch.OutOfMemoryError, MemoryError) as error:
                if self._at_once == 1:
                    raise TrainingError(
                        "Not even one reply at a time fits into memory: lower max_tokens, or take a "
                        "smaller model."
                    ) from error
                self._at_once = (self._at_once + 1) // 2
                self._on_memory(self._at_once)
            else:
                return loss
            for parameter, gradient in zip(self._policy.trainable, before, strict=True):
                parameter.grad = gradient
            self._sum, self._entropy, self._learned = counted
            gc.collect()
            if on_gpu():
                torch.cuda.empty_cache()


def sft_config(config: FinetuneConfig, folder: Path, *, updates: int) -> SFTConfig:
    """Every field that matters, since Unsloth and TRL change defaults from release to release."""
    return SFTConfig(
        max_steps=updates,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=config.prompts_per_update,
        learning_rate=config.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(config.warmup * updates),
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_gradient,
        data_seed=config.policy.seed,
        logging_nan_inf_filter=False,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        packing=False,
        padding_free=False,
        loss_type="nll",
        completion_only_loss=False,
        **trainer_fields(folder, checkpoint_every=config.checkpoint_every, seed=config.policy.seed),
    )
