"""Joins a trainer of transformers or TRL to a run. Imports the training stack: after `load_unsloth` only."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from jupyter_mlagent.training_events import CheckpointSaved, TrainingProgress
from local_rl.errors import TrainingError
from local_rl.training.measures import memory_limit, peak_memory
from local_rl.training.run import Run, Wanted

Numbers = Callable[[], dict[str, float | None]]
"""Of the last update: any of `loss`, `reward`, `kl`, `entropy`, `acceptance`."""


class RunCallback(TrainerCallback):  # type: ignore[misc]
    """After each update: tells the numbers, and saves and ends where the person asked for it."""

    def __init__(self, run: Run, numbers: Numbers) -> None:
        self._run = run
        self._numbers = numbers
        self.wanted = Wanted.GO_ON

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        numbers = self._numbers()
        optimizer = kwargs.get("optimizer")
        self._run.tell(
            TrainingProgress(
                update=state.global_step,
                updates=state.max_steps,
                learning_rate=optimizer.param_groups[0]["lr"] if optimizer is not None else None,
                memory_bytes=peak_memory(),
                memory_limit_bytes=memory_limit(),
                seconds_left=self._run.seconds_left(state.global_step, state.max_steps),
                **numbers,
            )
        )
        loss = numbers.get("loss")
        if loss is not None and not math.isfinite(loss):
            raise TrainingError(f"The loss of update {state.global_step} is no number.")
        self.wanted = self._run.wanted
        if self.wanted is not Wanted.GO_ON:
            control.should_save = True
            control.should_training_stop = True
        return control

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        self._run.tell(CheckpointSaved(update=state.global_step, path=str(path)))
        return control
