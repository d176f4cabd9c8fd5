"""The states that are learned in: where they come from, how likely each is drawn, and how they are kept.

Drawn more often: states whose actions differ in reward, since a group of equal rewards teaches nothing. What
is known of a state fades, as the policy changes. Draws depend on the seed and on what was learned of the
states alone, so a run that is resumed draws the same states.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Record
from local_rl.environment.states import EnvState


class Origin(StrEnum):
    STARTER = "starter"
    LATE = "late"
    """A notebook in which a strong model is already in place."""
    EXPERT = "expert"
    """On the way of an expert's trajectory."""
    JOURNAL = "journal"
    """From the steps that were kept while somebody worked on one of the tasks."""


class PoolConfig(Record, frozen=True):
    starter: float = 1.0
    """Share of draws for starters, relative to the other shares; 0 leaves them out."""
    late: float = 1.5
    """For late states."""
    expert: float = 1.5
    """For states on the way of expert trajectories."""
    journal: float = 1.5
    """For states from the journal."""
    floor: float = 0.1
    """Weight of a state whose actions were all alike, where a state not yet visited weighs `unseen`."""
    unseen: float = 0.3
    """The standard deviation of rewards that is expected of a state before it was drawn."""
    memory: float = 0.5
    """How much of what was known of a state stays when it is drawn again."""
    max_states: int = 400
    """More are thinned out evenly over the tasks."""

    def share(self, origin: Origin) -> float:
        return {
            Origin.STARTER: self.starter,
            Origin.LATE: self.late,
            Origin.EXPERT: self.expert,
            Origin.JOURNAL: self.journal,
        }[origin]


class PoolState(Record):
    """A state to learn in; `Environment.rebuild` brings it back."""

    origin: Origin
    state: EnvState

    @property
    def key(self) -> str:
        return self.state.hash or f"{self.state.task_id}/{self.state.notebook}"


class Learned(Record):
    """What is known of a state after it was drawn."""

    draws: int = 0
    deviation: float = 0.0
    """Of the rewards of its actions, a fading mean."""
    reward: float = 0.0
    """Mean reward, a fading mean."""
    lost: str = ""
    """Why it cannot be brought back; such a state is drawn no more."""


class Pool:
    def __init__(
        self,
        states: Sequence[PoolState],
        config: PoolConfig,
        learned: dict[str, Learned] | None = None,
    ) -> None:
        """Raises MlagentError when there is nothing to draw."""
        self.config = config
        self.states = tuple(state for state in unique(states) if config.share(state.origin) > 0)
        self.learned = dict(learned or {})
        if not self.states:
            raise MlagentError(
                "There is no state to learn in: name a task with --task, or give a journal or an exploration."
            )

    def weights(self) -> list[float]:
        """Of each state: its origin's share, split within the origin by how much its actions differ."""
        raw = [self._raw(state) for state in self.states]
        totals: dict[Origin, float] = {}
        for state, weight in zip(self.states, raw, strict=True):
            totals[state.origin] = totals.get(state.origin, 0.0) + weight
        return [
            self.config.share(state.origin) * weight / totals[state.origin] if weight else 0.0
            for state, weight in zip(self.states, raw, strict=True)
        ]

    def draw(self, seed: int, number: int, count: int = 1) -> list[PoolState]:
        """`count` different states where there are so many; the same for the same seed, number and learning.

        Raises MlagentError when every state was lost.
        """
        weights = self.weights()
        chooser = random.Random(f"{seed}/{number}")
        drawn: list[PoolState] = []
        while len(drawn) < count and any(weights):
            (place,) = chooser.choices(range(len(weights)), weights)
            drawn.append(self.states[place])
            weights[place] = 0.0
        if not drawn:
            why = next((learned.lost for learned in self.learned.values() if learned.lost), "")
            raise MlagentError(f"No state of the pool can be brought back any more ({why}).")
        return drawn

    def learn(self, key: str, deviation: float, reward: float) -> None:
        """After a group of actions in a state."""
        known = self.learned.get(key, Learned())
        kept = self.config.memory if known.draws else 0.0
        self.learned[key] = Learned(
            draws=known.draws + 1,
            deviation=kept * known.deviation + (1 - kept) * deviation,
            reward=kept * known.reward + (1 - kept) * reward,
        )

    def lose(self, key: str, why: str) -> None:
        known = self.learned.get(key, Learned())
        self.learned[key] = msgspec.structs.replace(known, lost=why or "unknown reason")

    def _raw(self, state: PoolState) -> float:
        known = self.learned.get(state.key)
        if known is None or (known.draws == 0 and not known.lost):
            return self.config.floor + self.config.unseen
        return 0.0 if known.lost else self.config.floor + known.deviation


def unique(states: Iterable[PoolState]) -> list[PoolState]:
    """The first of each state."""
    found: dict[str, PoolState] = {}
    for state in states:
        found.setdefault(state.key, state)
    return list(found.values())


def thinned(states: Sequence[PoolState], most: int, seed: int = 0) -> list[PoolState]:
    """At most so many, as evenly over the tasks as they allow; starters and late states stay."""
    chooser = random.Random(f"thin/{seed}")
    kept = [state for state in states if state.origin in (Origin.STARTER, Origin.LATE)]
    queues: dict[str, list[PoolState]] = {}
    for state in states:
        if state.origin not in (Origin.STARTER, Origin.LATE):
            queues.setdefault(state.state.task_id, []).append(state)
    for queue in queues.values():
        chooser.shuffle(queue)
    while len(kept) < most and any(queues.values()):
        for task in sorted(queues):
            if queues[task] and len(kept) < most:
                kept.append(queues[task].pop())
    return kept


def save(states: Sequence[PoolState], path: Path) -> None:
    """One JSON line each; the file is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_bytes(b"".join(msgspec.json.encode(state) + b"\n" for state in states))
    beside.replace(path)


def load(path: Path) -> list[PoolState]:
    """Raises MlagentError naming the line that is no state."""
    states = []
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise MlagentError(f"The pool {path} cannot be read ({error.strerror}).") from error
    for number, line in enumerate(lines, start=1):
        try:
            states.append(msgspec.json.decode(line, type=PoolState))
        except msgspec.DecodeError as error:
            raise MlagentError(f"{path}, line {number}, is no state ({error}).") from error
    return states
