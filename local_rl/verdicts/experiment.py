"""Does it learn a taste? Acceptance of a scripted user before and after their verdicts, on unseen notebooks.

    python -m local_rl.verdicts.experiment --user "no searches" --out taste

A user judges proposals on the training tasks until there are enough verdicts (kept in a journal of its own),
an adapter learns them, and the same requests with the same seeds are made on held-out tasks with and without
it. What counts as accepted: a proposal that ran and that the user would keep as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from jupyter_mlagent.engine.api import Engine
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.events import Failed
from jupyter_mlagent.journal import Journal, StepFilter
from jupyter_mlagent.records import Record, TrialStatus, Verdict
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.suggestion import Suggestion
from local_rl.environment.environment import Environment
from local_rl.environment.trials import StateTrials
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.suite import Split, tasks
from local_rl.verdicts.users import USERS, User, user

JOURNAL_FILE, RESULT_FILE = "verdicts.sqlite", "result.json"


class Acceptance(Record):
    proposals: int
    accepted: int
    ran: int

    @property
    def share(self) -> float:
        return self.accepted / self.proposals if self.proposals else 0.0


class Result(Record):
    user: str
    model: str
    verdicts: int
    before: Acceptance
    after: Acceptance
    adapter: str


async def ask(environment: Environment, notebook: str, engine: Engine, replies: int, seed: int) -> Suggestion:
    """One request with its trials, as a person would make it."""
    state = await environment.reset(notebook)
    trials = StateTrials(environment, state)
    suggestion = Suggestion(
        notebook=state.state.notebook,
        cells=state.cells,
        task=environment.task,
        probe=await trials.probe(),
        metric_before=state.metric_value,
        engine=engine,
        trials=trials,
        settings=SessionSettings(
            candidates=replies, limits=environment.settings.limits, reward=environment.reward_config
        ),
        candidates=replies,
        seed=seed,
    )
    try:
        async for event in suggestion.events():
            if isinstance(event, Failed):
                raise MlagentError(event.message)
    finally:
        await trials.discard_all()
    return suggestion


async def gather_verdicts(
    folders: Sequence[TaskFolder], engine: Engine, judge: User, journal: Journal, wanted: int, replies: int
) -> int:
    """Until the journal holds so many; what it holds from an earlier run counts."""
    said, seed = _verdicts(journal), 0
    while said < wanted:
        before = said
        for folder in folders:
            seed += 1
            async with Environment(folder) as environment:
                made = await ask(environment, folder.starter.name, engine, replies, seed + said * 1000)
            record = made.record("experiment", None)
            ids = journal.record_suggestion(record)
            for candidate in record.candidates:
                if said >= wanted:
                    return said
                opinion = judge.judge(candidate.proposal)
                journal.record_verdict(
                    ids[candidate.proposal.id], opinion.verdict, opinion.edited, opinion.reason
                )
                said += 1
        if said == before:
            raise MlagentError("The model wrote no proposal that could be judged; use a larger one.")
    return said


async def acceptance(
    folders: Sequence[TaskFolder], engine: Engine, judge: User, replies: int, told: Callable[[str], None]
) -> Acceptance:
    """On every task's starter; malformed replies and cells that do not run are not accepted."""
    proposals = accepted = ran = 0
    for number, folder in enumerate(folders):
        async with Environment(folder) as environment:
            made = await ask(environment, folder.starter.name, engine, replies, number)
        candidates = made.record("experiment", None).candidates
        proposals += replies
        good = [each for each in candidates if each.trial.status is TrialStatus.OK]
        ran += len(good)
        accepted += sum(judge.judge(each.proposal).verdict is Verdict.ACCEPTED for each in good)
        told(f"{folder.id}: {accepted} of {proposals} accepted so far")
    return Acceptance(proposals=proposals, accepted=accepted, ran=ran)


def train(model: str, adapter: str, journal: Path) -> str:
    """`mlagent train verdicts` over that journal; the new adapter's name."""
    from rich.console import Console

    from jupyter_mlagent.training_events import TrainingKind
    from local_rl.policy.config import PolicyConfig
    from local_rl.training.display import watch
    from local_rl.training.recipe import recipe_of
    from local_rl.training.starting import create_run
    from local_rl.verdicts.config import VerdictsConfig

    recipe = recipe_of(TrainingKind.VERDICTS)
    config = VerdictsConfig(
        policy=PolicyConfig(model=model, adapter=adapter), journal=str(journal.absolute())
    )
    folder = create_run(TrainingKind.VERDICTS, recipe, config, recipe.plan(config))
    ended = asyncio.run(watch(folder, Console()))
    if ended.adapter is None:
        raise MlagentError(ended.message)
    return ended.adapter


def _verdicts(journal: Journal) -> int:
    return sum(step.verdict is not None for step in journal.steps(StepFilter()))


def main(
    name: Annotated[str, typer.Option("--user", help=f"One of: {', '.join(each.name for each in USERS)}.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for journal and result.")],
    model: Annotated[str, typer.Option("--model")] = "qwen2.5-coder-0.5b",
    adapter: Annotated[str, typer.Option("--adapter", help="To go on from; empty: the base.")] = "",
    verdicts: Annotated[int, typer.Option("--verdicts", min=2)] = 60,
    replies: Annotated[int, typer.Option("--replies", min=1)] = 4,
) -> None:
    """Ask, judge, learn, ask again; the same command goes on where it was."""
    try:
        judge = user(name)
    except KeyError:
        known = ", ".join(each.name for each in USERS)
        raise typer.BadParameter(f"there is no user '{name}'; there are: {known}") from None
    out.mkdir(parents=True, exist_ok=True)
    try:
        result = _run(judge, out, model, adapter, verdicts, replies)
    except MlagentError as error:
        typer.echo(f"mlagent: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(
        f"{result.user}: {result.before.share:.0%} accepted before, {result.after.share:.0%} after "
        f"{result.verdicts} verdicts ({result.before.proposals} proposals each, held-out tasks)."
    )


def _run(judge: User, out: Path, model: str, adapter: str, verdicts: int, replies: int) -> Result:
    from jupyter_mlagent.engine.open import open_engine
    from local_rl.adapters.store import find_adapter

    held_out = list(tasks(Split.HELD_OUT))

    async def with_engine(name: str, gather: bool) -> tuple[int, Acceptance]:
        engine = open_engine(model)
        try:
            await engine.start()
            await engine.load_adapter(find_adapter(name).gguf if name else None)
            said = verdicts
            if gather:
                with Journal.open(out / JOURNAL_FILE) as journal:
                    training = list(tasks(Split.TRAIN))
                    said = await gather_verdicts(training, engine, judge, journal, verdicts, replies)
            return said, await acceptance(held_out, engine, judge, replies, typer.echo)
        finally:
            await asyncio.shield(engine.close())

    said, before = asyncio.run(with_engine(adapter, gather=True))
    learned = train(model, adapter, out / JOURNAL_FILE)
    _, after = asyncio.run(with_engine(learned, gather=False))
    result = Result(user=judge.name, model=model, verdicts=said, before=before, after=after, adapter=learned)
    (out / RESULT_FILE).write_text(msgspec.json.format(msgspec.json.encode(result)).decode())
    return result


if __name__ == "__main__":
    typer.run(main)
