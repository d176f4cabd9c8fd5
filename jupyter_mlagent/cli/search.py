"""`mlagent run --search`: shows a search, ends it on Ctrl-C, and writes its report."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from jupyter_mlagent.autopilot import Budget, FlightEnded, StepKept
from jupyter_mlagent.cli import view
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.events import Notice
from jupyter_mlagent.records import Record
from jupyter_mlagent.search.events import BestChanged, ExpansionFailed, NodeAdded, PathChosen
from jupyter_mlagent.search.export import aide_journal, page
from jupyter_mlagent.search.flight import SearchFlight
from jupyter_mlagent.search.settings import SearchBudget, SearchSettings
from jupyter_mlagent.search.tree import Tree
from jupyter_mlagent.workbench import Workbench


class SearchWishes(Record):
    workers: int = 1
    steps: int | None = None
    report: Path | None = None
    resume: Path | None = None
    insights: bool = True
    reasoning: bool | None = None


async def fly_search(
    workbench: Workbench, budget: Budget, wishes: SearchWishes, progress: view.Progress
) -> tuple[list[StepKept], FlightEnded, str]:
    """What was kept, how it ended, and the model's name."""
    model = (await workbench.session.engine.start()).model
    flight = SearchFlight(
        workbench,
        SearchBudget(seconds=budget.seconds, steps=wishes.steps),
        SearchSettings(width=budget.candidates, seed=budget.seed or 0, reasoning=wishes.reasoning),
        workers=wishes.workers,
        log=wishes.resume,
        insights=wishes.insights,
    )
    kept: list[StepKept] = []
    progress.doing("running the notebook's cells once more, for the search")
    with _ctrl_c(flight, progress.said):
        async with contextlib.aclosing(flight.events()) as events:
            async for event in events:
                match event:
                    case Notice():
                        progress.said(event.text)
                    case NodeAdded():
                        _show(flight.tree, progress)
                    case BestChanged() if event.node is not None:
                        progress.said(_best(flight.tree, event))
                    case PathChosen() if event.sentence:
                        progress.said(event.sentence)
                    case ExpansionFailed():
                        progress.doing(event.reason)
                    case StepKept():
                        kept.append(event)
                    case FlightEnded():
                        if problem := _write_report(flight.tree, wishes.report, workbench.session.notebook):
                            progress.said(problem)
                        return kept, event, model
                    case _:
                        pass
    raise MlagentError("The search ended without a result; try again.")


def _show(tree: Tree | None, progress: view.Progress) -> None:
    assert tree is not None
    best = tree.best
    progress.doing(f"{len(tree.growths)} cells tried · best {view.number(best.metric if best else None)}")


def _best(tree: Tree | None, event: BestChanged) -> str:
    assert tree is not None and event.node is not None
    proposal = tree.node(event.node).proposal
    plan = proposal.plan if proposal is not None else ""
    return f"cell {event.node}, best so far: {view.number(event.metric)}  {plan}"


def _write_report(tree: Tree | None, path: Path | None, notebook: str) -> str:
    """One sentence where it could not be written: what was found is kept all the same."""
    if tree is None or path is None:
        return ""
    text = aide_journal(tree) if path.suffix == ".json" else page(tree, f"Search over {Path(notebook).name}")
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        return f"The report cannot be written to {path} ({error.strerror})."
    return ""


@contextlib.contextmanager
def _ctrl_c(flight: SearchFlight, say: Callable[[str], None]) -> Iterator[None]:
    """The first Ctrl-C ends the search, the second one the program."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)
        say("Ending the search; its best path goes into the notebook.")
        flight.stop()

    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends the program
        loop.add_signal_handler(signal.SIGINT, stop)
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)
