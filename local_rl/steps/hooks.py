"""What a run does after each update. Imports the training stack: after `load_unsloth` only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import TrainerCallback


class StepHooks(TrainerCallback):  # type: ignore[misc]
    def __init__(self, after: Callable[[int], bool]) -> None:
        """`after(update)` says whether the run ends there."""
        self._after = after

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:  # noqa: ARG002
        if self._after(state.global_step):
            control.should_save = True
            control.should_training_stop = True
        return control
