"""The objective of a group: clipped policy gradient, corrected for the sampler, with a KL term.

    L = 1 / (G * T) * sum_i sum_t m_it * ( -w_it * min(r_it * A_i, clip(r_it, 1 - e_low, 1 + e_high) * A_i)
                                           + beta * k_it )

    r_it = p(now) / p(when the group was sampled), both by the trainer's model
    w_it = min(p(when sampled) by the trainer's model / by the sampler, most_weight), a constant
    k_it = q / p - log(q / p) - 1, q of the reference policy (the k3 estimator)
    m_it = 1 for sampled tokens, 0 for given ones and padding

The sampler is the quantized model in the engine, the trainer's model another quantization of the same
weights: without w the gradient is that of a policy that nobody sampled from (truncated importance sampling).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_mlagent.records import Record
from local_rl.steps.loss_config import LossConfig

if TYPE_CHECKING:
    from torch import Tensor


class Gap(Record, frozen=True):
    """How far the sampler is from the trainer's model, over the sampled tokens."""

    difference: float
    """Mean |log p(trainer) - log p(sampler)|, in nats a token."""
    effective: float
    """Effective sample size of the untruncated weights, as a share of the tokens: 1 is no gap."""
    truncated: float
    """Share of tokens whose weight was cut off."""


class LossNumbers(Record, frozen=True):
    """What a group's loss amounts to, for the log."""

    loss: float
    kl: float
    """Mean over sampled tokens, nats."""
    clipped: float
    """Share of sampled tokens whose update the clip stopped."""
    tokens: int


def importance_weights(trainer: Tensor, sampler: Tensor, config: LossConfig) -> Tensor:
    """(G, T) log-probabilities of the sampled tokens by both -> weights, without gradient."""
    import torch

    if config.most_weight <= 0:
        return torch.ones_like(trainer)
    return torch.exp(trainer.detach() - sampler).clamp(max=config.most_weight)


def gap(trainer: Tensor, sampler: Tensor, mask: Tensor, config: LossConfig) -> Gap:
    """Over the tokens of `mask`; no gap where there are none."""
    import torch

    chosen = mask.bool()
    difference = (trainer.detach() - sampler)[chosen]
    if difference.numel() == 0:
        return Gap(difference=0.0, effective=1.0, truncated=0.0)
    weights = torch.exp(difference.double())
    limit = config.most_weight if config.most_weight > 0 else float("inf")
    return Gap(
        difference=difference.abs().mean().item(),
        effective=(weights.sum().square() / weights.square().sum() / weights.numel()).item(),
        truncated=(weights > limit).double().mean().item(),
    )


def group_loss(
    now: Tensor,
    *,
    before: Tensor,
    sampler: Tensor,
    reference: Tensor | None,
    advantages: Tensor,
    mask: Tensor,
    config: LossConfig,
    longest: int,
) -> tuple[Tensor, LossNumbers]:
    """`now`, `before`, `sampler`, `reference`, `mask`: (G, T); `advantages`: (G,). `now` has the gradient.

    `longest`: what `LossConfig.tokens` = 0 stands for.
    """
    import torch

    log_ratio = now - before.detach()
    ratio = torch.exp(log_ratio)
    kept = ratio.clamp(1 - config.clip_low, 1 + config.clip_high)
    advantage = advantages.unsqueeze(1)
    surrogate = torch.minimum(ratio * advantage, kept * advantage)
    per_token = -importance_weights(before, sampler, config) * surrogate
    divergence = torch.zeros_like(now)
    if reference is not None and config.kl > 0:
        behind = reference.detach() - now
        divergence = torch.exp(behind) - behind - 1
        per_token = per_token + config.kl * divergence
    loss = (per_token * mask).sum() / (now.shape[0] * (config.tokens or longest))
    count = mask.sum().clamp(min=1)
    stopped = ((ratio * advantage) > (kept * advantage)) & mask.bool()
    return loss, LossNumbers(
        loss=loss.item(),
        kl=((divergence.detach() * mask).sum() / count).item(),
        clipped=(stopped.sum() / count).item(),
        tokens=int(mask.sum().item()),
    )
