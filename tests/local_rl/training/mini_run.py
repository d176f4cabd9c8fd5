"""The trainer's process over a few examples: `python mini_run.py RUN`. Used by test_process.py."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_mlagent.records import ChatMessage
from jupyter_mlagent.training_events import TrainingKind
from local_rl.examples import Example
from local_rl.finetune.config import FinetuneConfig
from local_rl.finetune.finetune import finetune
from local_rl.finetune.rows import fingerprint
from local_rl.policy.config import PolicyConfig
from local_rl.training.folder import RunFolder
from local_rl.training.recipe import RECIPES, Learned, Plan
from local_rl.training.run import Run

EXAMPLES = [
    Example(
        messages=(ChatMessage(role="user", content=f"improve {number % 4}: " + "x " * 60),),
        reply=f"model = {number}",
        task="line",
    )
    for number in range(8)
]


@dataclass(frozen=True)
class MiniConfig:
    finetune: FinetuneConfig = field(
        default_factory=lambda: FinetuneConfig(
            policy=PolicyConfig(model="smollm2-135m", rank=4, alpha=8, max_tokens=256),
            epochs=2,
            prompts_per_update=2,
            checkpoint_every=1,
        ),
        metadata={"help": "All of it."},
    )


class MiniRecipe:
    config_type: type[Any] = MiniConfig

    def policy(self, config: MiniConfig) -> PolicyConfig:
        return config.finetune.policy

    def plan(self, config: MiniConfig) -> Plan:
        return Plan(
            updates=4,
            examples=len(EXAMPLES),
            lines=("Eight examples.",),
            data_fingerprint=fingerprint(EXAMPLES),
            prompt_tokens=200,
            reply_tokens=20,
            replies=2,
        )

    def train(self, config: MiniConfig, run: Run) -> Learned:
        from local_rl.policy.loading import load_policy

        return finetune(load_policy(config.finetune.policy), EXAMPLES, config.finetune, run)


RECIPE = MiniRecipe()
RECIPES[TrainingKind.EXPLORE] = __name__

if __name__ == "__main__":
    from local_rl.training import process

    sys.exit(process.main(RunFolder(Path(sys.argv[1])), process._pipe()))
