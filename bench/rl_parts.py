"""Two parts of step-wise RL by themselves: the shared prompt of a group, the round trip of an adapter."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_mlagent.engine.api import Engine, GenerateRequest, ReplyDone, SamplingOptions
from jupyter_mlagent.records import ChatMessage
from local_rl.policy.loading import Policy, load_policy
from local_rl.steps.background import Background
from local_rl.steps.config import StepsConfig
from local_rl.steps.packing import packed_log_probabilities, separate_log_probabilities
from local_rl.steps.serving import Serving

SHARED_RATIO = 2.9
SWAP_SECONDS = 1.0
ROUND_TRIP = 2.0
"""The gap with an adapter may be so many times the gap of the base by itself."""
SHARED_PROMPT, SHARED_REPLY, SHARED_GROUP = 384, 128, 8
"""Lengths that the target of the shared prompt is stated for."""


@dataclass
class Row:
    name: str
    value: float
    against: float
    unit: str
    limit: float
    ratio: float
    at_most: bool = False
    """The ratio is to be at most the limit, else at least."""
    note: str = ""

    @property
    def good(self) -> bool:
        return self.ratio <= self.limit if self.at_most else self.ratio >= self.limit

    def line(self) -> str:
        sign = "<=" if self.at_most else ">="
        verdict = "ok" if self.good else "MISSED"
        return (
            f"{self.name:<44}{self.value:>9.3g}{self.against:>9.3g} {self.unit:<11}{self.ratio:>7.2f}  "
            f"{sign} {self.limit:g} {verdict}{f'  ({self.note})' if self.note else ''}"
        )


def shared_prompt(config: StepsConfig) -> Row:
    """The gradient of one group, with the prompt computed once and for every reply."""
    import torch
    from trl.trainer.utils import add_fused_lm_head

    policy = load_policy(config.policy)
    add_fused_lm_head(policy.model.get_base_model(), outputs=("log_probs", "entropy"))
    maker = torch.Generator().manual_seed(0)

    def tokens(count: int) -> list[int]:
        return torch.randint(5, 30_000, (count,), generator=maker).tolist()

    prompt, replies = tokens(SHARED_PROMPT), [tokens(SHARED_REPLY) for _ in range(SHARED_GROUP)]

    def seconds(compute: Callable[..., Any]) -> float:
        began = time.perf_counter()
        compute(policy.model, prompt, replies)[0].sum().backward()
        return time.perf_counter() - began

    shared = min(seconds(packed_log_probabilities) for _ in range(2))
    unshared = _separately(policy, prompt, replies)
    return Row(
        "gradient of a group: prompt for each / once",
        unshared,
        shared,
        "s",
        SHARED_RATIO,
        unshared / shared,
        note=f"{SHARED_PROMPT}+{SHARED_REPLY} tokens, G={SHARED_GROUP}",
    )


def round_trip(config: StepsConfig, engine: Engine) -> list[Row]:
    """An adapter from the trainer to the engine: what both say of the engine's tokens, and the swap."""
    import torch
    from trl.trainer.utils import add_fused_lm_head

    policy = load_policy(config.policy)
    for name, parameter in policy.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.02, generator=torch.Generator().manual_seed(1))
    add_fused_lm_head(policy.model.get_base_model(), outputs=("log_probs", "entropy"))
    with tempfile.TemporaryDirectory(prefix="bench-rl-") as place, Background() as background:
        background.run(engine.start())
        try:
            adapter = Serving(policy, Path(place)).adapter(0)
            began = time.perf_counter()
            background.run(engine.load_adapter(adapter))
            swap = time.perf_counter() - began
            adapted = _gap(policy, background, engine)
            background.run(engine.load_adapter(None))
            with policy.model.disable_adapter():
                base = _gap(policy, background, engine)
        finally:
            background.run(engine.close())
    return [
        Row(
            "mean |delta log p|: adapter / base alone",
            adapted,
            base,
            "nats",
            ROUND_TRIP,
            adapted / base,
            at_most=True,
            note="engine against trainer",
        ),
        Row("swapping an adapter in", swap, SWAP_SECONDS, "s", 1.0, swap / SWAP_SECONDS, at_most=True),
    ]


def _separately(policy: Policy, prompt: list[int], replies: list[list[int]]) -> float:
    """One reply after the other, each with its own backward pass, as memory would have it."""
    began = time.perf_counter()
    for reply in replies:
        separate_log_probabilities(policy.model, prompt, [reply])[0].sum().backward()
    return time.perf_counter() - began


def _gap(policy: Policy, background: Background, engine: Any) -> float:
    import torch

    messages = (ChatMessage(role="user", content="Fit a better model of y_train by X_train with sklearn."),)
    request = GenerateRequest(
        messages=messages,
        prefill="```python\n",
        n=8,
        options=SamplingOptions(max_tokens=48, temperature=1.0, top_p=1.0, top_k=0, seed=7),
    )

    async def sampled() -> list[Any]:
        return [event.sample async for event in engine.generate(request) if isinstance(event, ReplyDone)]

    samples = background.run(sampled())
    with torch.no_grad():
        found, _ = packed_log_probabilities(
            policy.model,
            policy.tokens.prompt(messages, request.prefill),
            [list(sample.token_ids) for sample in samples],
        )
    differences = [
        abs(float(found[row, place]) - logprob)
        for row, sample in enumerate(samples)
        for place, logprob in enumerate(sample.logprobs)
    ]
    return sum(differences) / len(differences)
