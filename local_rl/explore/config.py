"""What can be set of `mlagent train explore`; the help texts are what the command line shows."""

from __future__ import annotations

from dataclasses import dataclass, field

from local_rl.errors import TrainingError
from local_rl.finetune.config import FinetuneConfig


@dataclass(frozen=True)
class CollectConfig:
    """Which expert explores, how widely, and for how long."""

    expert: str = field(
        default="qwen2.5-coder-1.5b",
        metadata={
            "help": "Who explores: a model of the catalog, a .gguf file, the URL of an OpenAI-compatible "
            "endpoint, or `recipes`: cells composed of parts, where no larger model can be run."
        },
    )
    embedder: str = field(
        default="qwen2.5-coder-0.5b",
        metadata={"help": "Model whose embeddings tell how far ideas lie apart; empty: the expert's own."},
    )
    tasks: tuple[str, ...] = field(
        default=(),
        metadata={"help": "Training tasks, ids or folders; empty: all that come with the package."},
    )
    ideas: int = field(
        default=100, metadata={"help": "Ideas asked for, for each task; 0: only the catalogue's are used."}
    )
    diverse: int = field(
        default=10, metadata={"help": "How many of them are used: those farthest from each other."}
    )
    hints: int = field(default=3, metadata={"help": "Most of them that one request shows the expert."})
    replies: int = field(default=12, metadata={"help": "Replies in one batch for one state."})
    temperature: float = field(default=0.9, metadata={"help": "Of the expert's sampling."})
    starter_steps: int = field(
        default=3, metadata={"help": "Requests in a row from a task's starter, each from where the last led."}
    )
    late_steps: int = field(default=2, metadata={"help": "The same from its late states."})
    rounds: int = field(default=2, metadata={"help": "How often all states are visited; 0: collect no more."})
    minutes: float | None = field(
        default=None, metadata={"help": "Collect for so long at most; the same command goes on later."}
    )
    trial_seconds: float = field(
        default=30.0, metadata={"help": "Of one trial; a slower cell is no evidence, and is left out."}
    )
    trial_threads: int = field(
        default=1, metadata={"help": "Threads of a trial, so that the expert's sampling is not starved."}
    )
    parallel: int = field(
        default=2, metadata={"help": "Visits at once: trials of one while the expert writes for another."}
    )
    seed: int = field(default=0, metadata={"help": "Of ideas, replies and the choice of the next state."})

    def check(self) -> None:
        """Raises TrainingError naming what cannot be."""
        counts = {
            "diverse": self.diverse,
            "replies": self.replies,
            "starter_steps": self.starter_steps,
            "trial_threads": self.trial_threads,
            "parallel": self.parallel,
        }
        wrong = next((name for name, value in counts.items() if value < 1), None)
        if wrong is not None:
            raise TrainingError(f"{wrong} is at least 1, not {counts[wrong]}.")
        if min(self.ideas, self.hints, self.late_steps, self.rounds) < 0:
            raise TrainingError("ideas, hints, late_steps and rounds are not negative.")
        if self.trial_seconds <= 0:
            raise TrainingError(f"trial_seconds is greater than 0, not {self.trial_seconds:g}.")


@dataclass(frozen=True)
class KeepConfig:
    """Which tried steps become examples; see `keep` for the rule."""

    rare: int = field(
        default=3, metadata={"help": "Steps that each family of a task has, where valid ones come near."}
    )
    near: float = field(default=0.45, metadata={"help": "Reward of a step that comes near (0.5: no change)."})
    per_state: int = field(default=4, metadata={"help": "Most steps of one family from one state."})
    most: float = field(
        default=0.2, metadata={"help": "Largest share of one family; 1: families are not balanced."}
    )
    rare_weight: float = field(
        default=0.5, metadata={"help": "Weight in the loss of steps that were kept for their family."}
    )
    prompt_tokens: int = field(
        default=1400, metadata={"help": "Longest prompt; of longer notebooks less is shown, as in a request."}
    )

    def check(self) -> None:
        """Raises TrainingError naming what cannot be."""
        shares = {"near": self.near, "most": self.most}
        wrong = next((name for name, value in shares.items() if not 0 <= value <= 1), None)
        if wrong is not None:
            raise TrainingError(f"{wrong} is a share from 0 to 1, not {shares[wrong]:g}.")
        if self.prompt_tokens < 640:
            raise TrainingError(f"prompt_tokens is at least 640, not {self.prompt_tokens}.")


@dataclass(frozen=True)
class ExploreConfig:
    finetune: FinetuneConfig = field(
        default_factory=lambda: FinetuneConfig(replies_per_row=4), metadata={"help": "Of the student."}
    )
    collect: CollectConfig = field(default_factory=CollectConfig, metadata={"help": "Of the exploration."})
    keep: KeepConfig = field(default_factory=KeepConfig, metadata={"help": "Of what is learned from."})
    data: str = field(
        default="", metadata={"help": "Folder of the exploration, new or to go on with; empty: a usual one."}
    )
    verdicts: bool = field(
        default=True, metadata={"help": "Learn from the steps you accepted and edited too."}
    )

    def check(self) -> None:
        self.finetune.check()
        self.collect.check()
        self.keep.check()
