"""What can be set of a fine-tuning; the help texts are what the command line shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from local_rl.errors import TrainingError
from local_rl.policy.config import PolicyConfig


@dataclass(frozen=True)
class FinetuneConfig:
    policy: PolicyConfig = field(
        default_factory=PolicyConfig, metadata={"help": "Base model and adapter that learn."}
    )
    epochs: int = field(default=3, metadata={"help": "How often every example is learned from."})
    max_updates: int = field(default=0, metadata={"help": "Most updates; 0: as many as the epochs take."})
    prompts_per_update: int = field(default=4, metadata={"help": "Rows that one update learns from."})
    replies_per_row: int = field(
        default=8, metadata={"help": "Most replies to one prompt that share its computation."}
    )
    learning_rate: float = field(default=2e-4, metadata={"help": "Of AdamW, falling to zero linearly."})
    warmup: float = field(default=0.05, metadata={"help": "Share of the updates until the rate is reached."})
    weight_decay: float = field(default=0.0, metadata={"help": "Of AdamW."})
    max_gradient: float = field(default=1.0, metadata={"help": "Norm that a gradient is cut to."})
    checkpoint_every: int = field(default=10, metadata={"help": "Updates between two checkpoints."})

    def check(self) -> None:
        """Raises TrainingError naming what cannot be."""
        counts = {
            "epochs": self.epochs,
            "prompts_per_update": self.prompts_per_update,
            "replies_per_row": self.replies_per_row,
            "checkpoint_every": self.checkpoint_every,
        }
        wrong = next((name for name, value in counts.items() if value < 1), None)
        if wrong is not None:
            raise TrainingError(f"{wrong} is at least 1, not {counts[wrong]}.")
        if self.learning_rate <= 0:
            raise TrainingError(f"learning_rate is greater than 0, not {self.learning_rate:g}.")
        if not 0 <= self.warmup < 1:
            raise TrainingError(f"warmup is a share from 0 to below 1, not {self.warmup:g}.")
