"""One fine-tuning from examples to an adapter, resumable with the same numbers to come."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from jupyter_mlagent.training_events import TrainingState, TrainingStateChanged
from local_rl.errors import TrainingError
from local_rl.examples import Example
from local_rl.finetune.config import FinetuneConfig
from local_rl.finetune.fitting import replies_that_fit
from local_rl.finetune.rows import Rows, make_rows
from local_rl.policy.header import read_header
from local_rl.policy.loading import Policy
from local_rl.training.folder import said_when_full
from local_rl.training.recipe import Learned
from local_rl.training.run import Paused, Run, Wanted

ADAPTER = "adapter"
"""Of a finished run: its folder holds this one, in PEFT's form."""


def finetune(
    policy: Policy, examples: Sequence[Example], config: FinetuneConfig, run: Run, *, note: str = ""
) -> Learned:
    """Learn the examples; goes on from the run's latest checkpoint where there is one.

    Raises Paused when it was asked to pause, TrainingError when it cannot go on.
    """
    config.check()
    made = rows_for(examples, policy, config)
    trained = _train(policy, made, config, run)
    policy.save_adapter(trained)
    return Learned(peft=trained, steps=made.learned_from, note=note or _note(made))


def rows_for(examples: Sequence[Example], policy: Policy, config: FinetuneConfig) -> Rows:
    """Raises TrainingError when nothing of the examples can be learned."""
    made = make_rows(
        examples,
        policy.tokens,
        max_tokens=config.policy.max_tokens,
        replies_per_row=config.replies_per_row,
    )
    if not made.rows:
        raise TrainingError(
            f"There is nothing to learn from: of {len(examples)} examples {made.too_long} are longer than "
            f"max_tokens ({config.policy.max_tokens}) and {made.not_imitated} are not to be imitated."
        )
    return made


def updates_for(rows: int, config: FinetuneConfig) -> int:
    """An epoch's last update may learn from fewer rows than the others."""
    updates = config.epochs * math.ceil(rows / config.prompts_per_update)
    return min(updates, config.max_updates) if config.max_updates else updates


def _train(policy: Policy, made: Rows, config: FinetuneConfig, run: Run) -> Path:
    from local_rl.finetune.trainer import FinetuneTrainer
    from local_rl.policy.sharing import shares_prompts
    from local_rl.training.callback import RunCallback

    at_once = config.replies_per_row
    if at_once > 1 and not shares_prompts(policy):
        at_once = 1
        _say(run, "This model's attention takes no mask of ours: a prompt is computed once for each reply.")
    fitting = _fitting(policy, made, config, at_once)
    if fitting < at_once:
        _say(run, f"Memory is short: {fitting} replies to a prompt are computed at once, not {at_once}.")
    trainer = FinetuneTrainer(
        policy,
        made.rows,
        config,
        run.checkpoints,
        updates=updates_for(len(made.rows), config),
        replies_at_once=fitting,
        on_memory=lambda count: _say(
            run, f"Memory was short: {count} replies are computed at once from now on."
        ),
    )
    heard = RunCallback(run, trainer.numbers)
    trainer.add_callback(heard)
    checkpoint = run.latest_checkpoint()
    with said_when_full(run.folder.path):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint is not None else None)
    if heard.wanted is Wanted.PAUSE and trainer.state.global_step < trainer.state.max_steps:
        raise Paused(f"Paused after update {trainer.state.global_step}.")
    return run.folder.path / ADAPTER


def _fitting(policy: Policy, made: Rows, config: FinetuneConfig, wanted: int) -> int:
    from local_rl.training.starting import available_memory

    return replies_that_fit(
        made.rows,
        read_header(policy.base.path),
        config.policy,
        policy.precision,
        wanted=wanted,
        gpu=policy.device.type == "cuda",
        free_bytes=available_memory()[0],
    )


def _say(run: Run, reason: str) -> None:
    run.tell(TrainingStateChanged(state=TrainingState.RUNNING, reason=reason))


def _note(made: Rows) -> str:
    left = [
        f"{count} {why}"
        for count, why in ((made.too_long, "too long"), (made.not_imitated, "not to be imitated"))
        if count
    ]
    return f"Learned from {made.learned_from} replies to {len({row.prompt for row in made.rows})} prompts" + (
        f"; left out: {', '.join(left)}." if left else "."
    )
