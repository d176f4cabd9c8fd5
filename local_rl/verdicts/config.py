"""What can be set of `mlagent train verdicts`; the help texts are what the command line shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from local_rl.errors import TrainingError
from local_rl.policy.config import PolicyConfig


@dataclass(frozen=True)
class VerdictsConfig:
    policy: PolicyConfig = field(
        default_factory=PolicyConfig, metadata={"help": "Base model and adapter that learn."}
    )
    journal: str = field(default="", metadata={"help": "Journal file; empty: your own."})
    notebook: str = field(default="", metadata={"help": "Only from this notebook; empty: from all."})
    without: tuple[int, ...] = field(
        default=(), metadata={"help": "Steps not to learn from, by the number in the list; may be repeated."}
    )
    epochs: int = field(default=2, metadata={"help": "How often every verdict is learned from."})
    batch: int = field(default=4, metadata={"help": "Verdicts that one update learns from; at least 2."})
    at_once: int = field(default=2, metadata={"help": "Verdicts computed at once; at least 2."})
    learning_rate: float = field(default=2e-5, metadata={"help": "Of AdamW, falling to zero linearly."})
    beta: float = field(
        default=0.1, metadata={"help": "How strongly the policy is held to what it was before."}
    )
    few: int = field(
        default=200,
        metadata={"help": "Below so many verdicts the loss needs no estimate of the divergence (APO zero)."},
    )
    desirable: float = field(default=1.0, metadata={"help": "Weight of what was accepted, and of edits."})
    undesirable: float = field(
        default=1.0, metadata={"help": "Weight of what was rejected, or kept only after an edit."}
    )
    checkpoint_every: int = field(default=10, metadata={"help": "Updates between two checkpoints."})

    def check(self) -> None:
        """Raises TrainingError naming what cannot be."""
        for name, least in (("epochs", 1), ("at_once", 2), ("batch", 2), ("checkpoint_every", 1)):
            if getattr(self, name) < least:
                raise TrainingError(f"{name} is at least {least}, not {getattr(self, name)}.")
        if self.batch % self.at_once:
            raise TrainingError(
                f"batch ({self.batch}) is a multiple of at_once ({self.at_once}), so that every update "
                "learns from as many."
            )
        for name in ("learning_rate", "beta", "desirable", "undesirable"):
            if getattr(self, name) <= 0:
                raise TrainingError(f"{name} is greater than 0, not {getattr(self, name):g}.")
