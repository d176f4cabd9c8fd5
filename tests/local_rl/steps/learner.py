"""A policy over a random model of a few thousand weights, and groups of actions that no engine sampled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_mlagent.engine.catalog import ModelFile
from jupyter_mlagent.records import ChatMessage
from local_rl.policy.config import PolicyConfig, Precision
from local_rl.policy.loading import Policy
from local_rl.steps.config import StepsConfig
from local_rl.steps.group import Action, Group

PROMPT = [5, 9, 2, 44, 17, 3, 90]
REPLIES = ((7, 8, 9, 10), (21, 22), (60, 61, 62, 63, 64), (7, 8, 30))
REWARDS = (0.9, 0.0, 0.6, 0.5)
CONFIG = StepsConfig(
    updates=4,
    actions=4,
    max_tokens=8,
    learning_rate=1e-2,
    warmup=0,
    checkpoint_every=2,
    held_out_every=0,
    max_gradient=100.0,
)


class NumberedTokens:
    """Every prompt is the same tokens; an opening is its code points."""

    def prompt(self, messages: Any, prefill: str = "") -> list[int]:
        return [*PROMPT, *(ord(letter) % 97 for letter in messages[0].content)]

    def opening(self, text: str) -> list[int]:
        return [ord(letter) % 97 for letter in text]


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = {f"t{number}": number for number in range(97)}
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="t0")), eos_token="t1", pad_token="t2"
    )


def policy_of(model: Any) -> Policy:
    return Policy(
        model=model,
        tokenizer=tokenizer(),
        tokens=NumberedTokens(),  # type: ignore[arg-type]
        base=ModelFile(name="tiny", path=Path("tiny.gguf"), sha256=None, spec=None),
        base_sha256="",
        precision=Precision.FP32,
        config=PolicyConfig(),
    )


def group(
    *,
    rewards: tuple[float, ...] = REWARDS,
    task: str = "line",
    prompt: str = "a",
    opening: str = "",
    **changes: Any,
) -> Group:
    """As if sampled by a model that gives every token exp(-3)."""
    actions = tuple(
        Action(
            text="",
            opening=opening,
            token_ids=reply,
            logprobs=tuple(-3.0 for _ in reply),
            program=f"program-{place}",
            status="ok",
            reward=reward,
            **changes,
        )
        for place, (reply, reward) in enumerate(zip(REPLIES, rewards, strict=True))
    )
    return Group(
        state=f"{task}-{prompt}",
        task=task,
        notebook="starter.ipynb",
        messages=(ChatMessage(role="user", content=prompt),),
        prefill="",
        actions=actions,
    )
