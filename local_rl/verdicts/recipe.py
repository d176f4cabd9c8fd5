"""`mlagent train verdicts` as a run: shows row by row what it will learn from, then learns it."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from jupyter_mlagent.journal import Journal
from jupyter_mlagent.training_events import TrainingState, TrainingStateChanged
from local_rl.errors import TrainingError
from local_rl.policy.config import PolicyConfig
from local_rl.training.recipe import Learned, Plan
from local_rl.training.run import Paused, Run, Wanted
from local_rl.verdicts.config import VerdictsConfig
from local_rl.verdicts.labels import labelled, tokenized
from local_rl.verdicts.rows import WORDS, VerdictRow, fingerprint, verdict_rows

ROWS_FILE, ADAPTER = "verdicts.json", "adapter"


class VerdictsRecipe:
    config_type: type[Any] = VerdictsConfig

    def policy(self, config: VerdictsConfig) -> PolicyConfig:
        return config.policy

    def plan(self, config: VerdictsConfig) -> Plan:
        """Raises MlagentError where there is nothing to learn from."""
        config.check()
        rows = chosen_rows(config)
        replies = labelled(rows)
        counts = Counter(WORDS[row.verdict] for row in rows)
        told = ", ".join(f"{count} {word}" for word, count in counts.most_common())
        return Plan(
            updates=updates_for(len(replies), config),
            examples=len(rows),
            lines=(
                *(row.line for row in rows),
                f"{len(rows)} verdicts: {told}. Leave one out with --without and its number.",
            ),
            data_fingerprint=fingerprint(rows),
            reply_tokens=400,
            replies=config.at_once,
        )

    def train(self, config: VerdictsConfig, run: Run) -> Learned:
        from local_rl.policy.loading import load_policy

        rows = chosen_rows(config)
        run.folder.write(ROWS_FILE, msgspec.json.format(msgspec.json.encode(rows)))
        policy = load_policy(
            config.policy, adapter=_adapter(config), on_doing=lambda what: _say(run, f"Now {what}.")
        )
        return learn(policy, rows, config, run)


def learn(policy: Any, rows: list[VerdictRow], config: VerdictsConfig, run: Run) -> Learned:
    """Raises Paused when it was asked to pause, TrainingError when it cannot go on."""
    from local_rl.training.callback import RunCallback
    from local_rl.training.folder import said_when_full
    from local_rl.verdicts.trainer import VerdictTrainer

    replies, too_long = tokenized(labelled(rows), policy.tokens, config.policy.max_tokens)
    if len(replies) < config.at_once:
        raise TrainingError(
            f"Only {len(replies)} replies are no longer than max_tokens ({config.policy.max_tokens}); an "
            f"update takes {config.at_once}: raise max_tokens."
        )
    updates = updates_for(len(replies), config)
    trainer = VerdictTrainer(policy, replies, config, run.checkpoints, updates)
    heard = RunCallback(run, trainer.numbers)
    trainer.add_callback(heard)
    checkpoint = run.latest_checkpoint()
    with said_when_full(run.folder.path):
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint is not None else None)
    if heard.wanted is Wanted.PAUSE and trainer.state.global_step < trainer.state.max_steps:
        raise Paused(f"Paused after update {trainer.state.global_step}.")
    trained = run.folder.path / ADAPTER
    policy.save_adapter(trained)
    left = f"; {too_long} replies were too long" if too_long else ""
    return Learned(peft=trained, steps=len(rows), note=f"Learned from {len(rows)} verdicts{left}.")


def chosen_rows(config: VerdictsConfig) -> list[VerdictRow]:
    """Raises MlagentError where the journal is missing, empty, or all of it was left out."""
    from jupyter_mlagent.paths import journal_path

    path = Path(config.journal).expanduser() if config.journal else journal_path()
    if not path.exists():
        raise TrainingError(
            f"There is no journal at {path} yet: accept, edit or reject some proposals first."
        )
    with Journal.open(path) as journal:
        every = verdict_rows(journal, notebook=config.notebook or None)
    if not every:
        of = f" of {config.notebook}" if config.notebook else ""
        raise TrainingError(
            f"The journal holds no verdict{of} yet: accept, edit or reject some proposals first."
        )
    unknown = sorted({*config.without} - {row.id for row in every})
    if unknown:
        raise TrainingError(
            f"There is no verdict {unknown[0]} to leave out; see them all with: mlagent train verdicts --show"
        )
    rows = [row for row in every if row.id not in config.without]
    if len(labelled(rows)) < config.at_once:
        raise TrainingError(
            f"Of {len(every)} verdicts {len(rows)} are left; at least {config.at_once} are needed."
        )
    return rows


def updates_for(replies: int, config: VerdictsConfig) -> int:
    return config.epochs * math.ceil(replies / config.batch)


def _adapter(config: VerdictsConfig) -> Path | None:
    from jupyter_mlagent.engine.catalog import resolve
    from local_rl.adapters.find import peft_folder
    from local_rl.policy.weights import identity

    policy = config.policy
    return peft_folder(policy.adapter, identity(resolve(policy.model))) if policy.adapter else None


def _say(run: Run, reason: str) -> None:
    run.tell(TrainingStateChanged(state=TrainingState.RUNNING, reason=reason))


RECIPE = VerdictsRecipe()
