"""`mlagent train explore` as a run: collect, keep what execution confirmed, fine-tune."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

from jupyter_mlagent import paths
from jupyter_mlagent.training_events import TrainingState, TrainingStateChanged
from local_rl.errors import TrainingError
from local_rl.examples import Example, read_examples, write_examples
from local_rl.explore.collect import visits_for
from local_rl.explore.config import ExploreConfig
from local_rl.explore.examples import examples_of
from local_rl.explore.keep import Selection, select, table
from local_rl.explore.run import collect, training_tasks
from local_rl.explore.store import Exploration
from local_rl.finetune.finetune import finetune, updates_for
from local_rl.policy.config import PolicyConfig
from local_rl.training.options import to_toml
from local_rl.training.recipe import Learned, Plan
from local_rl.training.run import Paused, Run, Wanted

EXAMPLES_FILE, TABLE_FILE = "examples.jsonl", "kept.md"
KEPT_SHARE = 0.3
"""Of the replies, as a guess while nothing was collected yet."""


class ExploreRecipe:
    config_type: type[Any] = ExploreConfig

    def policy(self, config: ExploreConfig) -> PolicyConfig:
        return config.finetune.policy

    def plan(self, config: ExploreConfig) -> Plan:
        """Raises MlagentError for what cannot work: tasks that are held out, data that cannot be read."""
        config.check()
        folders = training_tasks(config.collect.tasks)
        visits = visits_for(folders, config.collect)
        requests = sum(visit.steps for visit in visits)
        store = Exploration(data_folder(config))
        there = {row.batch for row in store.tried()}
        todo = sum(visit.batch(step) not in there for visit in visits for step in range(visit.steps))
        selection, examples = chosen_examples(config, store)
        guessed = len(selection.kept) + round(todo * config.collect.replies * KEPT_SHARE)
        if not guessed:
            raise TrainingError(
                f"{store.folder} holds no step that improved anything, and nothing is to be collected: "
                "raise --rounds."
            )
        rows = max(1, round(guessed / 4))
        return Plan(
            updates=updates_for(rows, config.finetune),
            examples=guessed,
            lines=(
                f"{len(folders)} training tasks; expert: {config.collect.expert}; into {store.folder}.",
                f"{requests - todo} of {requests} requests are done, {todo} to do with "
                f"{config.collect.replies} replies each; {len(selection.kept)} steps are kept so far.",
                *([f"{len(examples)} examples are there, your own steps included."] if examples else []),
            ),
            data_fingerprint=_fingerprint(config),
            reply_tokens=256,
            prompt_tokens=config.keep.prompt_tokens,
            replies=config.finetune.replies_per_row,
        )

    def train(self, config: ExploreConfig, run: Run) -> Learned:
        from local_rl.policy.loading import load_policy

        path = run.folder.path / EXAMPLES_FILE
        if not path.exists():
            self._collect(config, run)
            selection, examples = chosen_examples(config, Exploration(data_folder(config)))
            if not examples:
                raise TrainingError(
                    "No step of the exploration improved its metric, so there is nothing to learn: use a "
                    "larger expert, or collect more rounds."
                )
            run.folder.write(TABLE_FILE, f"{table(selection)}\n".encode())
            write_examples(path, examples)
            _say(run, f"{len(selection.kept)} steps kept; what was thrown away and why: {TABLE_FILE}.")
        policy = load_policy(
            config.finetune.policy, adapter=_adapter(config), on_doing=lambda what: _say(run, f"Now {what}.")
        )
        return finetune(policy, read_examples(path), config.finetune, run)

    def _collect(self, config: ExploreConfig, run: Run) -> None:
        if not config.collect.rounds:
            return

        def go_on() -> bool:
            return run.wanted is Wanted.GO_ON

        asyncio.run(
            collect(config.collect, data_folder(config), told=lambda what: _say(run, what), go_on=go_on)
        )
        if run.wanted is Wanted.STOP:
            raise Paused("Stopped while collecting: what was tried is kept, and nothing is learned yet.")
        if run.wanted is Wanted.PAUSE:
            raise Paused("Paused while collecting; what was tried is kept.")


def data_folder(config: ExploreConfig) -> Path:
    return Path(config.data).expanduser() if config.data else paths.data_dir() / "exploration"


def chosen_examples(config: ExploreConfig, store: Exploration) -> tuple[Selection, list[Example]]:
    """What the exploration holds by the rule, and the person's own accepted and edited steps."""
    from local_rl.verdicts.rows import imitated

    folders = {folder.id: folder for folder in training_tasks(config.collect.tasks)}
    selection = select((row for row in store.tried() if row.task in folders), config.keep)
    examples = examples_of(selection.kept, store.states(), folders, config.keep)
    if config.verdicts:
        examples += imitated()
    return selection, examples


def _adapter(config: ExploreConfig) -> Path | None:
    from jupyter_mlagent.engine.catalog import resolve
    from local_rl.adapters.find import peft_folder
    from local_rl.policy.weights import identity

    policy = config.finetune.policy
    return peft_folder(policy.adapter, identity(resolve(policy.model))) if policy.adapter else None


def _fingerprint(config: ExploreConfig) -> str:
    """Of what decides the data: they are collected within the run, and kept in its folder from then on."""
    from local_rl.environment.states import fingerprint

    digest = hashlib.sha256(to_toml(config).encode())
    for folder in training_tasks(config.collect.tasks):
        digest.update(fingerprint(folder).encode())
    return digest.hexdigest()


def _say(run: Run, reason: str) -> None:
    run.tell(TrainingStateChanged(state=TrainingState.RUNNING, reason=reason))


RECIPE = ExploreRecipe()
