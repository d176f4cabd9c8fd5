"""What a person does with a search under way, and what its events tell a front end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Anchor, Cell, source_hash
from jupyter_mlagent.search import commands, events
from jupyter_mlagent.search.events import (
    BestChanged,
    BudgetSpent,
    ExpansionBegan,
    ExpansionFailed,
    NodeAdded,
    NodeEnded,
    SearchBegan,
    SearchEnded,
    SearchEvent,
    SearchPaused,
    SearchResumed,
    StandingsChanged,
)
from jupyter_mlagent.search.expander import Expansion, Order, TriedStep
from jupyter_mlagent.search.log import SearchLog, read_log
from jupyter_mlagent.search.node import Status
from jupyter_mlagent.search.paths import acceptances
from jupyter_mlagent.search.search import STOPPED, Search
from jupyter_mlagent.search.settings import SearchBudget
from jupyter_mlagent.search.tree import Tree
from jupyter_mlagent.search.view import NodeView, views_of

from .growing import check, error, ok, step, tree
from .test_search_driver import Script, Stuck


class Shown:
    """A front end that knows nothing but the events, as they come over a WebSocket."""

    def __init__(self) -> None:
        self.nodes: dict[int, NodeView] = {}
        self.best: int | None = None

    def hear(self, event: SearchEvent) -> None:
        event = events.decode(events.encode(event))
        match event:
            case SearchBegan():
                self.nodes = {node.id: node for node in event.nodes}
            case NodeAdded():
                self.nodes[event.node.id] = event.node
            case StandingsChanged():
                for standing in event.nodes:
                    changed = {name: getattr(standing, name) for name in standing.__struct_fields__}
                    self.nodes[standing.id] = msgspec.structs.replace(self.nodes[standing.id], **changed)
            case BestChanged():
                self.best = event.node
            case _:
                pass


async def test_a_front_end_that_hears_the_events_sees_the_tree_as_it_is() -> None:
    found, shown = tree(width=2, seed=5), Shown()
    found.grow(0, step("a = 1"), ok(0.55))
    search = Search(found, Script(wrong=0.2), SearchBudget(steps=25), workers=2)
    async for event in search.events():
        shown.hear(event)
        if isinstance(event, NodeAdded) and event.node.id == 6:
            found.prune(6)
            found.hint(2, "no boosting")
            search.changed()
    assert tuple(shown.nodes.values()) == views_of(found)
    assert shown.nodes[6].status is Status.PRUNED and shown.nodes[2].hint == "no boosting"
    assert shown.best == found.best.id
    assert {node.id for node in shown.nodes.values() if node.best} == {n.id for n in found.best_path}


async def test_every_node_that_ends_is_told_of_once_with_its_reason() -> None:
    found = tree(drafts=2, redrafts=0, improvements=1, depth=3)
    told = [e async for e in Search(found, Script(), SearchBudget()).events()]
    ended = {event.node: event.reason for event in told if isinstance(event, NodeEnded)}
    assert ended == {node.id: node.ended for node in found.nodes if node.ended}
    assert len(ended) == len([event for event in told if isinstance(event, NodeEnded)])


async def test_a_pruned_best_gives_way_to_the_next_best() -> None:
    found = tree()
    found.grow(0, step("a = 1"), ok(0.9))
    found.grow(0, step("b = 1"), ok(0.7))
    search, bests = Search(found, Stuck(), SearchBudget()), []
    async for event in search.events():
        if isinstance(event, ExpansionBegan):
            found.prune(1)
            search.changed()
            search.stop()
        if isinstance(event, BestChanged):
            bests.append((event.node, event.metric))
    assert bests == [(2, 0.7)]


async def test_what_runs_in_a_pruned_branch_is_called_off_and_nobody_is_blamed() -> None:
    class InOrder:
        """Drafts end at once, whatever is below them never does."""

        stuck = Stuck()

        async def expand(self, order: Order) -> Expansion:
            if order.node:
                return await self.stuck.expand(order)
            made = step(f"x = {order.seed}", order.operator)
            return Expansion(steps=(TriedStep(proposal=made, trial=ok(0.6)),))

    found, expander = tree(drafts=2, redrafts=0), InOrder()
    search, failed = Search(found, expander, SearchBudget()), []
    async for event in search.events():
        if isinstance(event, ExpansionBegan) and event.node == 1:
            await asyncio.sleep(0)
            found.prune(1)
            search.changed()
        if isinstance(event, ExpansionBegan) and event.node == 2:
            search.stop()
        if isinstance(event, ExpansionFailed):
            failed.append(event.node)
    assert expander.stuck.cancelled >= 1
    assert failed == [1] and found.node(1).failures == 0
    check(found)


async def test_the_clock_stands_still_while_it_is_paused() -> None:
    now = [0.0]
    search = Search(tree(), Script(), SearchBudget(seconds=10, steps=3), clock=lambda: now[0])
    told: list[SearchEvent] = []
    search.pause()

    async def run() -> None:
        async for event in search.events():
            told.append(event)

    running = asyncio.create_task(run())
    for _ in range(5):
        await asyncio.sleep(0)
    now[0] = 3600.0
    search.resume()
    await running
    assert isinstance(told[-1], SearchEnded) and (told[-1].steps, told[-1].seconds) == (3, 0.0)
    kinds = [type(event) for event in told]
    assert kinds.index(SearchPaused) < kinds.index(SearchResumed) < kinds.index(ExpansionBegan)
    assert [event.steps for event in told if isinstance(event, BudgetSpent)] == [1, 2, 3]


async def test_the_same_commands_at_the_same_moments_give_the_same_tree() -> None:
    async def searched() -> Tree:
        found = tree(seed=4)
        search = Search(found, Script(), SearchBudget(steps=30))
        async for event in search.events():
            if isinstance(event, NodeAdded) and event.node.id == 3:
                found.pin(3)
                search.changed()
            if isinstance(event, NodeAdded) and event.node.id == 9:
                found.prune(5)
                search.changed()
        return found

    assert views_of(await searched()) == views_of(await searched())


async def test_a_pinned_branch_is_gone_on_with_while_it_can_be() -> None:
    found = tree(improvements=3, stagnation=9)
    found.grow(0, step("a = 1"), ok(0.51))
    found.grow(0, step("b = 1"), ok(0.9))
    found.pin(1)
    search = Search(found, Script(), SearchBudget(steps=6))
    assert [event async for event in search.events()]
    assert all(found.node(1) in found.lineage(node.id) for node in found.nodes[3:])


CELLS = (
    Cell(id="one", kind="code", source="level = 1"),
    Cell(id="note", kind="markdown", source="# Notes"),
)


def test_any_path_is_ready_as_cells_that_follow_each_other() -> None:
    here = Anchor(cell_id="one", source_hash=source_hash("level = 1"))
    found = tree()
    first = msgspec.structs.replace(step("a = 1"), anchor=here)
    found.grow(0, first, ok(0.6))
    below = Anchor(cell_id=first.id, source_hash=first.source_hash)
    failing = msgspec.structs.replace(step("b = nope"), anchor=below)
    found.grow(1, failing, error("NameError"))
    mended = Anchor(cell_id=failing.id, source_hash=failing.source_hash, replaces=True)
    found.grow(2, msgspec.structs.replace(step("b = 2"), anchor=mended), ok(0.7))
    one, two = acceptances(found, 3, CELLS)
    assert (one.source, one.anchor) == ("a = 1", here)
    assert (two.source, two.anchor) == ("b = 2", below)
    assert two.expected.trial.metric_after == 0.7
    assert [each.source for each in acceptances(found, 2, CELLS)] == ["a = 1"]
    (lost,) = acceptances(found, 1, CELLS[1:])
    assert lost.anchor.cell_id == "" and not lost.anchor.replaces


def test_commands_come_from_json_and_anything_else_is_refused_in_a_sentence() -> None:
    hint = commands.decode('{"type": "search_hint", "node": 3, "text": "trees"}')
    assert hint == commands.SearchHint(node=3, text="trees")
    with pytest.raises(MlagentError, match="no command"):
        commands.decode('{"type": "search_explode"}')


def test_what_was_pruned_pinned_and_wished_for_outlives_a_kill(tmp_path: Path) -> None:
    found = tree()
    log = SearchLog(tmp_path / "search.jsonl", found)
    for name in "abc":
        log.keep(found.grow(0, step(f"{name} = 1"), ok(0.6)))
    found.prune(1)
    found.pin(2)
    found.hint(3, "trees")
    for node in found.nodes[1:]:
        log.mark(node)
    found.restore(1)
    log.mark(found.node(1))
    again = read_log(tmp_path / "search.jsonl")
    assert views_of(again) == views_of(found)
    SearchLog(tmp_path / "search.jsonl", again)
    assert views_of(read_log(tmp_path / "search.jsonl")) == views_of(found)


async def test_stopped_it_still_tells_everything_that_had_ended() -> None:
    found = tree()
    search, told = Search(found, Script(), SearchBudget()), []
    async for event in search.events():
        told.append(event)
        if isinstance(event, NodeAdded) and event.node.id == 2:
            search.stop()
    assert isinstance(told[-1], SearchEnded) and told[-1].reason == STOPPED
    assert [event.node.id for event in told if isinstance(event, NodeAdded)] == [1, 2]
    assert told[-1].summary.startswith(("Of 2 steps", "None of 2 steps"))
