"""Fills the pool: starters and late states of the tasks, states of explorations, states of journals."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.journal import Journal
from jupyter_mlagent.records import Record
from local_rl.environment.states import EnvState, cells_of, fingerprint, from_journal, state_hash
from local_rl.explore.store import Exploration
from local_rl.steps.config import StepsConfig
from local_rl.steps.pool import Origin, PoolState, thinned, unique
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.suite import Split, find, tasks


class Collected(Record):
    states: tuple[PoolState, ...]
    left_out: dict[str, int]
    """Why states were left out, and how many."""

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256()
        for state in self.states:
            digest.update(msgspec.json.encode(state))
        return digest.hexdigest()

    def lines(self) -> list[str]:
        """Sentences for a person."""
        counts = Counter(state.origin for state in self.states)
        of_tasks = len({state.state.task_id for state in self.states})
        kinds = ", ".join(f"{counts[origin]} {origin.value}" for origin in Origin if counts[origin])
        told = [f"{len(self.states)} states of {of_tasks} tasks: {kinds}."]
        return told + [f"Left out: {count} {why}." for why, count in self.left_out.items()]


def training_tasks(config: StepsConfig) -> list[TaskFolder]:
    """Raises TaskError for one that is not there, MlagentError when it is also held out."""
    folders = [find(name) for name in config.tasks] if config.tasks else list(tasks(Split.TRAIN))
    held_out = {find(name).id for name in config.held_out} if config.held_out_every else set()
    both = next((folder.id for folder in folders if folder.id in held_out), None)
    if both is not None:
        raise MlagentError(f"Task '{both}' is both learned from and held out; take it from one of the two.")
    return folders


def collect(config: StepsConfig) -> Collected:
    """Raises MlagentError when a task, an exploration or a journal cannot be read, or there is no state."""
    folders = {folder.id: folder for folder in training_tasks(config)}
    prints = {name: fingerprint(folder) for name, folder in folders.items()}
    left_out: Counter[str] = Counter()
    found: list[PoolState] = []
    shares = config.pool
    for origin, state in _all(config, folders.values()):
        if shares.share(origin) <= 0:
            continue
        if state.task_id not in folders:
            left_out["of tasks that are not learned from"] += 1
            continue
        now = state_hash(prints[state.task_id], state.sources)
        if state.hash and state.hash != now:
            left_out["made by a task that has changed since"] += 1
            continue
        found.append(PoolState(origin=origin, state=msgspec.structs.replace(state, hash=now)))
    states = thinned(unique(found), config.max_states, config.seed)
    if not states:
        raise MlagentError("There is no state to learn in: name tasks, explorations or journals.")
    return Collected(states=tuple(states), left_out=dict(left_out))


def begun_states(folders: Iterable[TaskFolder]) -> Iterator[tuple[Origin, EnvState]]:
    """The notebooks that come with tasks."""
    for folder in folders:
        for origin, paths in ((Origin.STARTER, (folder.starter,)), (Origin.LATE, folder.late_states)):
            for path in paths:
                yield origin, EnvState(hash="", task_id=folder.id, notebook=path.name, cells=cells_of(path))


def _all(config: StepsConfig, folders: Iterable[TaskFolder]) -> Iterator[tuple[Origin, EnvState]]:
    yield from begun_states(folders)
    for name in config.explorations:
        path = Path(name).expanduser()
        if not path.is_dir():
            raise MlagentError(f"There is no exploration {path}; make one with `mlagent train explore`.")
        for state in Exploration(path).states().values():
            yield Origin.EXPERT, state
    for name in config.journals:
        yield from _of_journal(Path(name).expanduser())


def _of_journal(path: Path) -> Iterator[tuple[Origin, EnvState]]:
    if not path.is_file():
        raise MlagentError(f"There is no journal {path}.")
    seen: set[str] = set()
    with Journal.open(path) as journal:
        for step in journal.full_steps():
            if step.state_hash not in seen:
                seen.add(step.state_hash)
                yield Origin.JOURNAL, from_journal(step.state)


def held_out_states(names: Sequence[str]) -> list[tuple[TaskFolder, EnvState]]:
    """Starters and late states of tasks that nothing is learned from."""
    folders = [find(name) for name in names]
    by_id = {folder.id: folder for folder in folders}
    return [(by_id[state.task_id], state) for _, state in begun_states(folders)]
