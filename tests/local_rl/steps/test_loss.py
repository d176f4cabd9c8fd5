"""The objective against a plain reference: loops over actions and tokens, gradients by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from local_rl.steps.loss_config import LossConfig

pytestmark = pytest.mark.rl
G, T = 3, 5


@pytest.fixture
def numbers(training_stack: Any) -> dict[str, Any]:
    """Log-probabilities in double precision, apart enough that clips and cut-offs happen."""
    import torch

    maker = torch.Generator().manual_seed(1)

    def draw(spread: float) -> Any:
        return torch.randn(G, T, generator=maker, dtype=torch.float64) * spread

    before = -draw(1.0).abs() - 0.1
    mask = torch.ones(G, T, dtype=torch.float64)
    mask[0, 3:] = 0
    mask[2, 0] = 0
    return {
        "now": (before + draw(0.3)).requires_grad_(),
        "before": before,
        "sampler": before + draw(0.5),
        "reference": before + draw(0.4),
        "advantages": torch.tensor([1.3, -0.7, 0.4], dtype=torch.float64),
        "mask": mask,
    }


def _reference_loss(numbers: dict[str, Any], config: LossConfig) -> tuple[float, list[list[float]]]:
    """The formula of the docstring, token by token, with its derivative by `now`."""
    total = 0.0
    gradient = [[0.0] * T for _ in range(G)]
    divisor = G * T
    for i in range(G):
        advantage = float(numbers["advantages"][i])
        for t in range(T):
            if not numbers["mask"][i, t]:
                continue
            now, before, sampler, behind = (
                float(numbers[name].detach()[i, t]) for name in ("now", "before", "sampler", "reference")
            )
            ratio = math.exp(now - before)
            clipped = min(max(ratio, 1 - config.clip_low), 1 + config.clip_high)
            weight = min(math.exp(before - sampler), config.most_weight) if config.most_weight > 0 else 1.0
            chosen = min(ratio * advantage, clipped * advantage)
            moving = ratio * advantage <= clipped * advantage or clipped == ratio
            quotient = math.exp(behind - now)
            kl = quotient - (behind - now) - 1
            total += (-weight * chosen + config.kl * kl) / divisor
            slope = -weight * (ratio * advantage if moving else 0.0) + config.kl * (1 - quotient)
            gradient[i][t] = slope / divisor
    return total, gradient


@pytest.mark.parametrize(
    "config",
    [
        LossConfig(),
        LossConfig(kl=0.5),
        LossConfig(most_weight=0),
        LossConfig(clip_low=0.05, clip_high=0.05, most_weight=1.1, kl=0.1),
    ],
)
def test_loss_and_gradient_equal_the_reference(numbers: dict[str, Any], config: LossConfig) -> None:
    import torch

    from local_rl.steps.loss import group_loss

    loss, told = group_loss(**numbers, config=config, longest=T)
    loss.backward()
    wanted, gradient = _reference_loss(numbers, config)
    assert loss.item() == pytest.approx(wanted, abs=1e-12)
    assert told.loss == loss.item()
    assert told.tokens == int(numbers["mask"].sum())
    torch.testing.assert_close(numbers["now"].grad, torch.tensor(gradient, dtype=torch.float64))


def test_masked_tokens_change_nothing(numbers: dict[str, Any]) -> None:
    import torch

    from local_rl.steps.loss import group_loss

    first, _ = group_loss(**numbers, config=LossConfig(), longest=T)
    for name in ("before", "sampler", "reference"):
        numbers[name] = torch.where(numbers["mask"].bool(), numbers[name], numbers[name] - 3)
    again, _ = group_loss(**numbers, config=LossConfig(), longest=T)
    assert again.item() == pytest.approx(first.item(), abs=1e-12)


def test_an_action_without_advantage_moves_only_by_the_divergence(numbers: dict[str, Any]) -> None:
    from local_rl.steps.loss import group_loss

    numbers["advantages"] = numbers["advantages"] * 0
    loss, _ = group_loss(**numbers, config=LossConfig(kl=0), longest=T)
    loss.backward()
    assert loss.item() == 0
    assert numbers["now"].grad.abs().max().item() == 0


def test_a_sampler_that_is_the_trainer_has_no_gap(numbers: dict[str, Any]) -> None:
    from local_rl.steps.loss import gap, importance_weights

    before, mask = numbers["before"], numbers["mask"]
    same = gap(before, before, mask, LossConfig())
    assert (same.difference, same.truncated) == (0, 0)
    assert same.effective == pytest.approx(1)
    assert importance_weights(before, before, LossConfig()).eq(1).all()
    apart = gap(before, numbers["sampler"], mask, LossConfig())
    chosen = mask.bool()
    assert apart.difference == pytest.approx((before - numbers["sampler"])[chosen].abs().mean().item())
    assert 0 < apart.effective < 1
    assert importance_weights(before, numbers["sampler"], LossConfig()).max() <= 2.0


def test_with_one_pass_and_no_gap_it_is_the_plain_policy_gradient(numbers: dict[str, Any]) -> None:
    """d/dtheta sum A log p, the textbook's REINFORCE with a baseline."""
    import torch

    from local_rl.steps.loss import group_loss

    now = numbers["now"]
    loss, _ = group_loss(
        now,
        before=now.detach(),
        sampler=now.detach(),
        reference=None,
        advantages=numbers["advantages"],
        mask=numbers["mask"],
        config=LossConfig(),
        longest=T,
    )
    loss.backward()
    wanted = -numbers["advantages"].unsqueeze(1) * numbers["mask"] / (G * T)
    torch.testing.assert_close(now.grad, wanted)
