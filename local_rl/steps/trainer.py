"""TRL's GRPOTrainer with this project's rollouts, advantages, loss and packed log-probabilities in it.

Imports the training stack: only `run` imports it, after `load_unsloth`. What is TRL's: the data flow around
`rollout_func` and the reward function, the frozen copy of the adapter as the reference policy, optimizer,
schedule, checkpoints. What is replaced, and why:

- `_get_per_token_logps_and_entropies`: one row a prompt instead of one a reply (`packing`).
- `_compute_loss`: TRL corrects for the sampler only under vLLM; ours takes any sampler's log-probabilities.
- `compute_loss`: a batch in pieces of one prompt each, each with its own backward pass, so that memory is
  that of one piece; where memory is short the pieces are halved and the update begins again.
- the advantages: leave-one-out, with masks and weights (`advantage`).
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import PrinterCallback
from trl import GRPOTrainer

from local_rl.errors import TrainingError
from local_rl.policy.loading import Policy
from local_rl.policy.stack import on_gpu
from local_rl.steps.config import StepsConfig
from local_rl.steps.group import Group
from local_rl.steps.loss import gap, group_loss
from local_rl.steps.numbers import Piece, UpdateNumbers, update_numbers
from local_rl.steps.packing import packed_log_probabilities, separate_log_probabilities
from local_rl.steps.rows import all_actions, executed_reward, group_advantages, trl_rows
from local_rl.steps.trl_config import draws, grpo_config

Sampler = Callable[[int], list[Group]]
"""Groups of actions for an update, sampled from the policy as it is now."""


class NotFiniteError(TrainingError):
    """A loss or gradient is no finite number."""


TOO_LARGE = "Not even one reply at a time fits into memory: lower max_tokens, or take a smaller model."


class StepTrainer(GRPOTrainer):  # type: ignore[misc]
    """Its dataset says only how many updates there are: what is learned from comes from `sampler`."""

    def __init__(
        self,
        policy: Policy,
        config: StepsConfig,
        sampler: Sampler,
        folder: Path,
        callbacks: Sequence[Any] = (),
        on_memory: Callable[[int], None] = lambda _: None,
        on_checkpoint: Callable[[Path], None] = lambda _: None,
    ) -> None:
        """`on_memory(n)`: memory was short, and from now on n replies are computed at once.
        `on_checkpoint(folder)`: before the trainer writes there, so that a whole checkpoint holds both."""
        self._policy = policy
        self._config = config
        self._sampler = sampler
        self._on_memory = on_memory
        self._on_checkpoint = on_checkpoint
        self._groups: list[Group] = []
        self._sampled_at = -1
        self._pieces: list[Piece] = []
        self._at_once = min(config.at_once or config.actions, config.actions)
        os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # rollout_func's own warning
        super().__init__(
            model=policy.model,
            reward_funcs=[executed_reward],
            args=grpo_config(config, folder),
            train_dataset=draws(config),
            processing_class=policy.tokenizer,
            rollout_func=self._roll_out,
            callbacks=list(callbacks),
        )
        self.remove_callback(PrinterCallback)
        policy.keep_float32()

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """The run's own folder says what the adapter is."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        self._on_checkpoint(Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}")
        super()._save_checkpoint(model, trial)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:  # noqa: ARG002
        """Only the adapter that learns: transformers would load the frozen copy in its place."""
        self._policy.load_adapter(Path(resume_from_checkpoint))

    # -- from groups to TRL's batch

    def _roll_out(self, prompts: list[str], _: GRPOTrainer) -> dict[str, list[Any]]:
        update = self.state.global_step
        if self._sampled_at != update:  # else an update that begins again
            self._groups, self._sampled_at = self._sampler(update), update
        count = len(all_actions(self._groups))
        if count != len(prompts):
            raise TrainingError(f"{count} actions were sampled where {len(prompts)} are learned from.")
        # TRL shuffles rows: in the same way also after a resumption, since sums of floats have an order.
        torch.manual_seed(self._config.seed + update)
        return trl_rows(self._groups, self._policy.tokens)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        batch: dict[str, Any] = super()._generate_and_score_completions(inputs)
        batch["advantages"] = torch.tensor(
            group_advantages(self._groups, self._config), device=self.accelerator.device
        )
        return batch

    # -- log-probabilities and loss

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        *_: Any,
        **__: Any,
    ) -> tuple[torch.Tensor, torch.Tensor, None]:
        """(B, T) for rows of any prompts; T = `logits_to_keep`."""
        compute = packed_log_probabilities if self._config.shared_prompt else separate_log_probabilities
        shape = (len(input_ids), logits_to_keep)
        values: list[torch.Tensor | None] = [None] * len(input_ids)
        entropies = torch.zeros(shape, device=input_ids.device)
        for prompt, rows in self._by_prompt(input_ids, attention_mask, logits_to_keep):
            replies = [
                _kept(input_ids[row, -logits_to_keep:], attention_mask[row, -logits_to_keep:]) for row in rows
            ]
            found, entropy = compute(model, prompt, replies)
            wide = (0, logits_to_keep - found.shape[1])
            for place, row in enumerate(rows):
                values[row] = torch.nn.functional.pad(found[place].float(), wide)
                entropies[row] = torch.nn.functional.pad(entropy[place].float(), wide)
        return torch.stack([value for value in values if value is not None]), entropies, None

    def _by_prompt(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, keep: int
    ) -> Iterator[tuple[list[int], list[int]]]:
        """Prompts with the rows that have them, at most `_at_once` rows each time."""
        found: dict[tuple[int, ...], list[int]] = {}
        for row in range(len(input_ids)):
            prompt = _kept(input_ids[row, :-keep], attention_mask[row, :-keep])
            found.setdefault(tuple(prompt), []).append(row)
        for same, rows in found.items():
            for start in range(0, len(rows), self._at_once):
                yield list(same), rows[start : start + self._at_once]

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: ARG002 - TRL's signature
        num_items_in_batch: Any = None,  # noqa: ARG002
    ) -> torch.Tensor:
        """The loss, with all gradients but those of the last piece already accumulated."""
        self._pieces = []
        keep = inputs["completion_ids"].size(1)
        ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
        mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
        pieces = [rows for _, rows in self._by_prompt(ids, mask, keep)]
        done = torch.zeros((), device=ids.device)
        for rows in pieces[:-1]:
            loss = self._compute_loss(model, _rows(inputs, rows))
            self.accelerator.backward(loss)
            done += loss.detach()
        return self._compute_loss(model, _rows(inputs, pieces[-1])) + done

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        """Of a piece, as its part of the whole batch's."""
        completion, mask = inputs["completion_ids"], inputs["completion_mask"] * inputs["tool_mask"]
        now, entropies, _ = self._get_per_token_logps_and_entropies(
            model,
            torch.cat([inputs["prompt_ids"], completion], dim=1),
            torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1),
            completion.size(1),
        )
        before = inputs.get("old_per_token_logps")
        before = now.detach() if before is None else before
        sampler = inputs["sampling_per_token_logps"]
        share = len(completion) / self._config.batch
        loss, numbers = group_loss(
            now,
            before=before,
            sampler=sampler,
            reference=inputs.get("ref_per_token_logps"),
            advantages=inputs["advantages"],
            mask=mask,
            config=self._config.loss,
            longest=self._config.max_tokens,
        )
        if not torch.isfinite(loss):
            raise NotFiniteError(
                f"The loss of update {self.state.global_step + 1} is {loss.item()}; {self._where()}."
            )
        self._pieces.append(
            Piece(
                loss=numbers,
                gap=gap(before, sampler, mask, self._config.loss),
                entropy=(entropies * mask).sum().item(),
                replies=len(completion),
            )
        )
        return loss * share

    # -- an update

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> torch.Tensor:
        while True:
            try:
                loss: torch.Tensor = super().training_step(model, inputs, num_items_in_batch)
            except (MemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                if self._at_once == 1:
                    raise TrainingError(TOO_LARGE) from error
                self._at_once = (self._at_once + 1) // 2
                self._on_memory(self._at_once)
            else:
                break
            model.zero_grad(set_to_none=True)
            gc.collect()
            if on_gpu():
                torch.cuda.empty_cache()
        for parameter in self._policy.trainable:
            if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
                raise NotFiniteError(
                    f"A gradient of update {self.state.global_step + 1} is not finite; {self._where()}."
                )
        return loss

    def numbers(self) -> UpdateNumbers:
        """Of the last update."""
        return update_numbers(self.state.global_step, self._pieces, self._groups)

    def progress(self) -> dict[str, float | None]:
        """The same for a front end's progress."""
        found = self.numbers()
        return {
            "loss": found.loss,
            "reward": found.reward,
            "kl": found.kl,
            "entropy": found.entropy,
            "acceptance": found.valid,
        }

    def _where(self) -> str:
        states = ", ".join(sorted({f"{group.task}/{group.notebook}" for group in self._groups}))
        return f"update {self.state.global_step + 1}, whose batch came from {states}"


def _kept(ids: torch.Tensor, mask: torch.Tensor) -> list[int]:
    return [int(token) for token in ids[mask.bool()].tolist()]


def _rows(inputs: dict[str, Any], rows: list[int]) -> dict[str, Any]:
    """The same batch with some of its rows."""
    total = len(inputs["completion_ids"])

    def part(value: Any) -> Any:
        by_row = isinstance(value, torch.Tensor) and value.dim() > 0 and len(value) == total
        return value[rows] if by_row else value

    return {name: part(value) for name, value in inputs.items()}


def _out_of_memory(error: BaseException) -> bool:
    """A GPU's allocator has an exception of its own, the CPU's raises RuntimeError."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)
