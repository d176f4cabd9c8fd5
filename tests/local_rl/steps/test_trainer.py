"""TRL's trainer with our parts in it, over a real (random, tiny) model on this machine's device."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from local_rl.steps.advantage import Outcome, advantages
from local_rl.steps.config import StepsConfig
from local_rl.steps.group import Group

from .learner import CONFIG, PROMPT, REPLIES, REWARDS, group, policy_of

pytestmark = pytest.mark.rl


def _trainer(model: Any, folder: Path, config: StepsConfig = CONFIG, **changes: Any) -> Any:
    from local_rl.steps.trainer import StepTrainer

    sampler = changes.pop("sampler", lambda _update: [group()])
    return StepTrainer(policy_of(model), config, sampler, folder, **changes)


def _adapter(trainer: Any) -> dict[str, Any]:
    return {
        name: value.detach().clone()
        for name, value in trainer.model.named_parameters()
        if "lora_" in name and ".default." in name
    }


def _log_probability(model: Any, reply: tuple[int, ...]) -> float:
    from local_rl.steps.packing import packed_log_probabilities

    found, _ = packed_log_probabilities(model, [*PROMPT, ord("a") % 97], [list(reply)])
    return float(found.sum().item())


def _gradients(model: Any) -> dict[str, Any]:
    return {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}


class _Gradients:
    """Keeps what the optimizer is about to use."""

    def __new__(cls) -> Any:
        from transformers import TrainerCallback

        class Keeper(TrainerCallback):  # type: ignore[misc]
            def __init__(self) -> None:
                self.found: list[dict[str, Any]] = []

            def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                model = kwargs["model"]
                self.found.append(_gradients(model))

        return Keeper()


def _plain_gradient(model: Any, config: StepsConfig) -> tuple[float, dict[str, Any]]:
    """The update's loss from whole logits, one row for each reply, with autograd over nothing of ours."""
    import torch

    model.zero_grad()
    values = advantages([Outcome(reward=reward) for reward in REWARDS], config.advantage)
    loss = torch.zeros(())
    for reply, value in zip(REPLIES, values, strict=True):
        ids = torch.tensor([[*PROMPT, ord("a") % 97, *reply]])
        logits = model(input_ids=ids).logits[0, len(PROMPT) : -1]
        for place, token in enumerate(reply):
            logp = torch.log_softmax(logits[place], -1)[token]
            weight = min(math.exp(logp.item() + 3.0), config.most_weight)
            loss = loss - weight * value * torch.exp(logp - logp.detach())
    loss = loss / (len(REPLIES) * config.max_tokens)
    loss.backward()
    return loss.item(), {
        name: value.grad.detach().clone()
        for name, value in model.named_parameters()
        if value.grad is not None
    }


@pytest.mark.parametrize("shared", [True, False])
def test_loss_and_gradient_of_an_update_equal_a_plain_computation(
    tiny: Any, tmp_path: Path, shared: bool
) -> None:
    import torch

    config = replace(CONFIG, updates=1, shared_prompt=shared)
    wanted_loss, wanted = _plain_gradient(tiny, config)
    tiny.zero_grad()
    keeper = _Gradients()
    trainer = _trainer(tiny, tmp_path, config, callbacks=[keeper])
    trainer.train()
    (found,) = keeper.found
    assert trainer.numbers().loss == pytest.approx(wanted_loss, abs=1e-6)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-4)


def test_a_rewarded_reply_becomes_likelier_and_a_failed_one_less_likely(tiny: Any, tmp_path: Path) -> None:
    before = [_log_probability(tiny, reply) for reply in REPLIES]
    _trainer(tiny, tmp_path).train()
    after = [_log_probability(tiny, reply) for reply in REPLIES]
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_the_reference_is_the_policy_as_it_was_at_the_start(tiny: Any, tmp_path: Path) -> None:
    import torch

    kls = []
    trainer = _trainer(tiny, tmp_path, sampler=lambda _update: [group()])
    start = _adapter(trainer)
    whole = trainer.training_step

    def step(*arguments: Any) -> Any:
        loss = whole(*arguments)
        kls.append(trainer.numbers().kl)
        return loss

    trainer.training_step = step
    trainer.train()
    assert kls[0] == pytest.approx(0, abs=1e-6)
    assert kls[-1] > 1e-4
    for name, value in start.items():
        frozen = trainer.model.get_parameter(name.replace(".default.", ".ref."))
        torch.testing.assert_close(frozen.detach(), value)


def test_what_is_not_scored_and_what_is_given_move_nothing(tiny: Any, tmp_path: Path) -> None:
    import torch

    def left_out(_update: int) -> list[Group]:
        made = group(opening="xy")
        untried = tuple(msgspec.structs.replace(action, scored=False) for action in made.actions)
        return [msgspec.structs.replace(made, actions=untried)]

    trainer = _trainer(tiny, tmp_path, replace(CONFIG, updates=2, kl=0.0), sampler=left_out)
    start = _adapter(trainer)
    trainer.train()
    for name, value in _adapter(trainer).items():
        torch.testing.assert_close(value, start[name])
    assert trainer.numbers().tokens == sum(len(reply) for reply in REPLIES)


def test_a_run_that_is_resumed_has_the_same_numbers_to_come(
    tiny: Any, tmp_path: Path, training_stack: Any
) -> None:
    import copy

    import torch

    def sampler(update: int) -> list[Group]:
        rewards = tuple(REWARDS[(place + update) % 4] for place in range(4))
        return [group(rewards=rewards)]

    again = copy.deepcopy(tiny)
    whole = _trainer(tiny, tmp_path / "whole", sampler=sampler)
    whole.train()

    checkpoint = tmp_path / "whole" / "checkpoint-2"
    seen: list[int] = []
    resumed = _trainer(
        again, tmp_path / "resumed", sampler=lambda update: seen.append(update) or sampler(update)
    )
    resumed.train(resume_from_checkpoint=str(checkpoint))
    assert seen == [2, 3]
    assert resumed.numbers() == whole.numbers()
    for name, value in _adapter(whole).items():
        torch.testing.assert_close(_adapter(resumed)[name], value, atol=0, rtol=0)


def test_where_memory_is_short_pieces_are_halved_and_the_update_is_the_same(
    tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import copy

    import torch

    from local_rl.steps import trainer as module

    config = replace(CONFIG, updates=1)
    keeper, short_keeper = _Gradients(), _Gradients()
    other = copy.deepcopy(tiny)
    _trainer(tiny, tmp_path / "a", config, callbacks=[keeper]).train()

    real, sampled, told = module.packed_log_probabilities, [], []

    def scarce(model: Any, prompt: Any, replies: Any) -> Any:
        if len(replies) > 1 and torch.is_grad_enabled():
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(model, prompt, replies)

    monkeypatch.setattr(module, "packed_log_probabilities", scarce)
    _trainer(
        other,
        tmp_path / "b",
        config,
        callbacks=[short_keeper],
        sampler=lambda update: sampled.append(update) or [group()],
        on_memory=told.append,
    ).train()
    assert told == [2, 1]
    assert sampled == [0]  # what was sampled and executed is not thrown away
    for name, gradient in keeper.found[0].items():
        torch.testing.assert_close(short_keeper.found[0][name], gradient, atol=1e-6, rtol=1e-4)


def test_a_loss_that_is_no_number_ends_the_run_names_its_batch_and_keeps_the_last_checkpoint(
    tiny: Any, tmp_path: Path
) -> None:
    import torch

    from local_rl.steps.trainer import NotFiniteError

    def sampler(update: int) -> list[Group]:
        made = group(task="hotel-rates" if update == 3 else "line")
        if update < 3:
            return [made]
        broken = tuple(
            msgspec.structs.replace(action, logprobs=tuple(math.nan for _ in action.logprobs))
            for action in made.actions
        )
        return [msgspec.structs.replace(made, actions=broken)]

    trainer = _trainer(tiny, tmp_path, sampler=sampler)
    with pytest.raises(NotFiniteError, match=r"update 4.*hotel-rates/starter\.ipynb"):
        trainer.train()
    assert (tmp_path / "checkpoint-2" / "trainer_state.json").is_file()
    assert all(torch.isfinite(value).all() for value in _adapter(trainer).values())


def test_several_states_make_one_update(tiny: Any, tmp_path: Path) -> None:
    config = replace(CONFIG, updates=2, states=2)
    both = [group(prompt="a"), group(prompt="bc", rewards=(0.1, 0.2, 0.3, 0.4))]
    trainer = _trainer(tiny, tmp_path, config, sampler=lambda _update: both)
    trainer.train()
    assert trainer.numbers().tokens == 2 * sum(len(reply) for reply in REPLIES)


def test_the_gap_to_the_sampler_is_told(tiny: Any, tmp_path: Path) -> None:
    trainer = _trainer(tiny, tmp_path, replace(CONFIG, updates=1))
    found = [_log_probability(tiny, (token,)) for token in (7,)]
    trainer.train()
    gap = trainer.numbers().gap
    assert gap.difference > 0
    assert 0 < gap.effective <= 1
    assert found[0] < 0


def test_a_checkpoint_holds_what_the_run_puts_beside_it(tiny: Any, tmp_path: Path) -> None:
    told = []

    def beside(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "known.json").write_text("{}")
        told.append(folder.name)

    _trainer(tiny, tmp_path, on_checkpoint=beside).train()
    assert told == ["checkpoint-2", "checkpoint-4"]
    assert (tmp_path / "checkpoint-4" / "known.json").is_file()
    assert (tmp_path / "checkpoint-4" / "trainer_state.json").is_file()
