"""Fine-tuning of a small model: its gradients against a plain computation, and what happens in trouble."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from jupyter_mlagent.records import ChatMessage
from jupyter_mlagent.training_events import (
    CheckpointSaved,
    TrainingEvent,
    TrainingKind,
    TrainingProgress,
    TrainingStateChanged,
)
from local_rl.errors import TrainingError
from local_rl.examples import Example
from local_rl.finetune.config import FinetuneConfig
from local_rl.finetune.finetune import finetune, rows_for, updates_for
from local_rl.policy.config import PolicyConfig
from local_rl.training.folder import Facts, RunFolder
from local_rl.training.run import Paused, Run, Wanted

if TYPE_CHECKING:
    from local_rl.policy.loading import Policy

pytestmark = [pytest.mark.rl, pytest.mark.model]

CONFIG = FinetuneConfig(
    policy=PolicyConfig(model="smollm2-135m", rank=4, alpha=8, max_tokens=512),
    epochs=2,
    prompts_per_update=1,
    replies_per_row=2,
    checkpoint_every=2,
    learning_rate=1e-3,
)


def example(prompt: str, reply: str, **fields: Any) -> Example:
    made = Example(messages=(ChatMessage(role="user", content=prompt),), reply=reply, task="line")
    return msgspec.structs.replace(made, **fields)


EXAMPLES = [
    example("improve", " Scale.\nmodel = 1", prefill="# PLAN:", weight=2.0),
    example("improve", "x = 2", prefill="# PLAN:", opening=" Use trees.\n", step_id="7"),
    example("draft", "model = 3"),
]


@pytest.fixture
def policy(small_policy: Policy) -> Any:
    """With the adapter's first values, so that tests do not depend on each other."""
    import torch

    torch.manual_seed(0)
    for name, parameter in small_policy.model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.02 if "lora_A" in name else 0.01)
            parameter.grad = None
    return small_policy


@pytest.fixture
def run(tmp_path: Path) -> Run:
    folder = RunFolder(tmp_path / "run")
    facts = Facts(
        kind=TrainingKind.EXPLORE, created="", base_model="m", base_sha256="0", data_fingerprint="d"
    )
    folder.create("", facts)
    return Run(folder)


def trainer_for(policy: Policy, run: Run, *, at_once: int = 2) -> Any:
    from local_rl.finetune.trainer import FinetuneTrainer

    rows = rows_for(EXAMPLES, policy, CONFIG).rows
    return FinetuneTrainer(policy, rows, CONFIG, run.checkpoints, updates=2, replies_at_once=at_once)


def gradients(policy: Policy) -> dict[str, Any]:
    return {
        name: parameter.grad.clone()
        for name, parameter in policy.model.named_parameters()
        if parameter.requires_grad and parameter.grad is not None
    }


def plain_loss(policy: Policy, examples: list[Example], typical: float) -> Any:
    """Each reply by itself, straight from the logits."""
    import torch

    total = torch.zeros(())
    for one in examples:
        given = [*policy.tokens.prompt(one.messages, one.prefill), *policy.tokens.opening(one.opening)]
        learned = policy.tokens.reply(one.reply)
        logits = policy.model(input_ids=torch.tensor([[*given, *learned]])).logits[0, len(given) - 1 : -1]
        chosen = torch.log_softmax(logits.float(), dim=-1)[range(len(learned)), learned]
        total = total - one.weight * chosen.sum()
    return total / typical


@pytest.mark.parametrize("at_once", [2, 1])
def test_loss_and_gradients_are_those_of_a_plain_computation(policy: Policy, run: Run, at_once: int) -> None:

    trainer = trainer_for(policy, run, at_once=at_once)
    trainer.current_gradient_accumulation_steps = 1
    typical = sum(row.learned for row in trainer._rows) / len(trainer._rows)
    ours = trainer.training_step(policy.model, {"row": 0})
    found = gradients(policy)
    policy.model.zero_grad()
    plain = plain_loss(policy, EXAMPLES[:2], typical)
    plain.backward()
    assert ours.item() == pytest.approx(plain.item(), rel=1e-4)
    for name, gradient in gradients(policy).items():
        # Sums in another order: small elements of a tensor may differ by what large ones are rounded to.
        assert (found[name] - gradient).norm() <= 1e-3 * gradient.norm() + 1e-6, name


def test_where_memory_is_short_halves_give_the_same_gradients(policy: Policy, run: Run) -> None:
    import torch

    told: list[int] = []
    trainer = trainer_for(policy, run)
    trainer.current_gradient_accumulation_steps = 1
    trainer.training_step(policy.model, {"row": 0})
    wanted = gradients(policy)
    policy.model.zero_grad()

    compute = trainer._loss

    def short_of_memory(model: Any, row: Any) -> Any:
        if len(row.replies) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return compute(model, row)

    trainer._loss, trainer._on_memory = short_of_memory, told.append
    trainer.training_step(policy.model, {"row": 0})
    assert told == [1]
    for name, gradient in gradients(policy).items():
        # A gradient sums many float32 that cancel, here in another order: what counts is the whole matrix.
        assert (wanted[name] - gradient).norm() <= 1e-3 * wanted[name].norm(), name


def test_memory_that_does_not_even_hold_one_reply_is_said(policy: Policy, run: Run) -> None:
    import torch

    trainer = trainer_for(policy, run, at_once=1)
    trainer.current_gradient_accumulation_steps = 1

    def never(model: Any, row: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    trainer._loss = never
    with pytest.raises(TrainingError, match="Not even one reply"):
        trainer.training_step(policy.model, {"row": 0})


def test_a_loss_that_is_no_number_names_its_batch_and_keeps_the_checkpoints(policy: Policy, run: Run) -> None:
    import torch

    seen: list[TrainingEvent] = []
    run._on_event = seen.append
    calls = 0
    scale = policy.model.get_input_embeddings().weight

    def poison(event: TrainingEvent) -> None:
        nonlocal calls
        calls += isinstance(event, TrainingProgress)
        if calls == 3:
            with torch.no_grad():
                next(iter(policy.trainable)).fill_(float("nan"))

    run._on_event = poison
    with pytest.raises(TrainingError, match=r"loss of update 4 is nan.*line"):
        finetune(policy, EXAMPLES, CONFIG, run)
    assert scale is policy.model.get_input_embeddings().weight
    assert run.latest_checkpoint() is not None


def test_it_learns_and_what_is_told_can_be_followed(policy: Policy, run: Run) -> None:
    learned = finetune(policy, EXAMPLES, CONFIG, run)
    events = run.folder.events()
    progress = [event for event in events if isinstance(event, TrainingProgress)]
    assert [event.update for event in progress] == [1, 2, 3, 4]
    assert all(event.loss is not None and event.entropy is not None for event in progress)
    second_pass = sum(event.loss or 0 for event in progress[2:])
    assert second_pass < sum(event.loss or 0 for event in progress[:2])
    assert [event.update for event in events if isinstance(event, CheckpointSaved)] == [2, 4]
    assert (learned.peft / "adapter_model.safetensors").is_file()
    assert (learned.steps, learned.note) == (3, "Learned from 3 replies to 2 prompts.")


def test_a_pause_saves_and_going_on_gives_the_same_numbers(policy: Policy, run: Run, tmp_path: Path) -> None:
    first = copy.deepcopy([parameter.data for parameter in policy.trainable])
    finetune(policy, EXAMPLES, CONFIG, run)
    whole = [parameter.data.clone() for parameter in policy.trainable]

    def again(folder: str) -> Run:
        place = RunFolder(tmp_path / folder)
        if not place.path.exists():
            place.create("", run.facts)
        return Run(place)

    for parameter, values in zip(policy.trainable, first, strict=True):
        parameter.data.copy_(values)
    broken = again("broken")
    broken._on_event = lambda event: (
        broken.ask(Wanted.PAUSE) if isinstance(event, TrainingProgress) and event.update == 1 else None
    )
    with pytest.raises(Paused, match="after update 1"):
        finetune(policy, EXAMPLES, CONFIG, broken)
    for parameter in policy.trainable:
        parameter.data.zero_()
    (broken.folder.path / "control").unlink()
    finetune(policy, EXAMPLES, CONFIG, again("broken"))

    def losses(of: Run) -> list[float | None]:
        return [event.loss for event in of.folder.events() if isinstance(event, TrainingProgress)]

    assert losses(broken) == losses(run)
    for parameter, values in zip(policy.trainable, whole, strict=True):
        assert parameter.data.equal(values)


def test_a_model_that_takes_no_mask_of_ours_computes_prompts_once_for_each_reply(
    policy: Policy, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_rl.policy.sharing.shares_prompts", lambda policy: False)
    finetune(policy, EXAMPLES, CONFIG, run)
    said = [event.reason for event in run.folder.events() if isinstance(event, TrainingStateChanged)]
    assert said == ["This model's attention takes no mask of ours: a prompt is computed once for each reply."]


def test_stock_attention_lets_replies_share_a_prompt(policy: Policy) -> None:
    from local_rl.policy.sharing import shares_prompts

    assert shares_prompts(policy)


def test_nothing_to_learn_from_is_said(policy: Policy) -> None:
    with pytest.raises(TrainingError, match=r"nothing to learn from.* 1 are longer"):
        rows_for([example("word " * 600, "x")], policy, CONFIG)


@pytest.mark.parametrize(("rows", "most", "updates"), [(9, 0, 6), (8, 0, 4), (1, 0, 2), (9, 5, 5)])
def test_updates_are_counted_with_the_last_part_of_an_epoch(rows: int, most: int, updates: int) -> None:
    config = FinetuneConfig(epochs=2, prompts_per_update=4, max_updates=most)
    assert updates_for(rows, config) == updates
