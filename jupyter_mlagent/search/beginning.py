"""What a search starts from: the notebook's own state as a tree of one node, where it can be made anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jupyter_mlagent.agent.prediction import Precedent
from jupyter_mlagent.agent.profile import profile_of
from jupyter_mlagent.agent.prompt import INSIGHTS
from jupyter_mlagent.errors import JournalError, KernelError
from jupyter_mlagent.journal import Journal
from jupyter_mlagent.journal.lessons import Insight
from jupyter_mlagent.records import Cell, Metric, Operator, State, Task
from jupyter_mlagent.reward.reward import RewardConfig
from jupyter_mlagent.search.node import next_hash
from jupyter_mlagent.search.settings import SearchSettings
from jupyter_mlagent.search.tree import Tree
from jupyter_mlagent.session import Session
from jupyter_mlagent.trial.api import Probe, TrialRunner
from jupyter_mlagent.trial.runner import KernelTrials
from jupyter_mlagent.workbench import is_code


@dataclass(frozen=True)
class Lessons:
    """What this person's journal knows that a search can use."""

    insights: tuple[Insight, ...] = ()
    precedents: tuple[Precedent, ...] = ()


def read_lessons(session: Session, cells: Sequence[Cell], probe: Probe, *, others: bool) -> Lessons:
    """`others`: whether other notebooks may be drawn on. Nothing where there is no journal, or it fails."""
    if not isinstance(session.journal, Journal) or session.metric is None:
        return Lessons()
    try:
        tried = session.journal.precedents(session.notebook, session.metric)
        state = State(notebook=session.notebook, cells=tuple(cells), variables=probe.variables)
        like = profile_of(state, Task(metric=session.metric))
        found = session.journal.insights(session.notebook, like)[:INSIGHTS] if others else ()
    except JournalError as error:
        session.journal_problem = str(error)
        return Lessons()
    return Lessons(
        insights=found,
        precedents=tuple(precedent for precedent in tried if others or precedent.same_task),
    )


def fresh_tree(
    cells: Sequence[Cell],
    start: float | None,
    metric: Metric,
    settings: SearchSettings,
    reward: RewardConfig,
) -> Tree:
    """`start`: what the notebook measures as it stands."""
    last = next((cell for cell in reversed(cells) if is_code(cell)), None)
    failing = last is not None and last.errored
    state_hash = metric.expression
    for cell in cells:
        if is_code(cell) and not cell.errored:
            state_hash = next_hash(state_hash, cell.source)
    return Tree(
        state_hash=state_hash,
        metric=start,
        direction=metric.direction,
        settings=settings,
        reward=reward,
        operator=Operator.DEBUG if failing else Operator.DRAFT,
    )


def differs(in_kernel: float | None, again: float | None) -> str:
    def shown(value: float | None) -> str:
        return "nothing readable" if value is None else f"{value:.6g}"

    return (
        f"Run once more, the notebook measures {shown(again)}, not {shown(in_kernel)}; the search begins "
        "from there. Something in the notebook is random; give it a seed (random_state=...)."
    )


async def surroundings_of(trials: TrialRunner) -> dict[str, Any]:
    """Raises KernelError when the kernel is not a process of this machine, where states can be made anew."""
    if not isinstance(trials, KernelTrials):
        raise KernelError("A search needs a kernel on this machine; open the notebook here.")
    return await trials.surroundings()
