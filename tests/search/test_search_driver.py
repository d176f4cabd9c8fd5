"""A search as a whole, over an expander with a script in place of model and kernel."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.errors import EngineError, KernelError
from jupyter_mlagent.records import Cell, Operator
from jupyter_mlagent.search.events import (
    BestChanged,
    ExpansionBegan,
    ExpansionFailed,
    NodeAdded,
    SearchEnded,
    SearchEvent,
)
from jupyter_mlagent.search.expander import Expansion, Order, TriedStep
from jupyter_mlagent.search.meter import STEPS, TIME, TOKENS
from jupyter_mlagent.search.search import EXHAUSTED, STOPPED, Search
from jupyter_mlagent.search.settings import SearchBudget
from jupyter_mlagent.search.tree import Tree

from .growing import any_trial, check, error, ok, shape, step, tree


class Script:
    """Tries are drawn from the order's seed; `wrong` is the share of expansions that raise."""

    def __init__(self, wrong: float = 0.0, tokens: int = 10) -> None:
        self.wrong = wrong
        self.tokens = tokens
        self.orders: list[Order] = []
        self.at_once = self.most_at_once = 0

    async def expand(self, order: Order) -> Expansion:
        self.orders.append(order)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            chance = random.Random(order.seed)
            if chance.random() < self.wrong:
                raise chance.choice([KernelError("The kernel died."), ValueError("a bug")])
            steps = tuple(
                TriedStep(
                    proposal=step(f"x = {order.seed} * {number}", order.operator),
                    trial=any_trial(chance, order.metric),
                )
                for number in range(order.width)
            )
            return Expansion(steps=steps, tokens=self.tokens)
        finally:
            self.at_once -= 1


class Stuck:
    """Never ends by itself."""

    def __init__(self) -> None:
        self.cancelled = 0

    async def expand(self, order: Order) -> Expansion:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        raise AssertionError


async def run(search: Search) -> list[SearchEvent]:
    return [event async for event in search.events()]


def ended(events: list[SearchEvent]) -> SearchEnded:
    (last,) = [event for event in events if isinstance(event, SearchEnded)]
    assert events[-1] is last
    return last


async def test_it_ends_after_exactly_its_steps_and_tells_the_best_path() -> None:
    found = tree(width=2, seed=3)
    events = await run(Search(found, Script(), SearchBudget(steps=21)))
    last = ended(events)
    assert (last.reason, last.steps, len(found.growths)) == (STEPS, 21, 21)
    assert last.metric_best == found.best.metric
    assert last.path == tuple(node.id for node in found.best_path)
    assert len([event for event in events if isinstance(event, NodeAdded)]) == 21
    assert [event for event in events if isinstance(event, BestChanged)][-1].node == found.best.id
    assert 0 <= last.own_seconds <= last.seconds


async def test_it_ends_with_its_tokens() -> None:
    last = ended(await run(Search(tree(), Script(tokens=10), SearchBudget(tokens=35))))
    assert (last.reason, last.tokens) == (TOKENS, 40)


async def test_it_ends_with_its_time_although_an_expansion_never_does() -> None:
    found, stuck = tree(), Stuck()
    last = ended(await run(Search(found, stuck, SearchBudget(seconds=0.01), workers=2)))
    assert (last.reason, stuck.cancelled) == (TIME, 2)
    assert not found.leases and found.node(0).failures == 0


async def test_it_ends_when_every_branch_has() -> None:
    found = tree(drafts=1, redrafts=0, improvements=1, depth=2)
    last = ended(await run(Search(found, Script(), SearchBudget())))
    assert last.reason == EXHAUSTED and found.exhausted


async def test_all_drafts_failing_ends_in_a_sentence_and_without_a_path() -> None:
    class Failing:
        async def expand(self, order: Order) -> Expansion:
            made = step(f"x = {order.seed}", order.operator)
            return Expansion(steps=(TriedStep(proposal=made, trial=error()),))

    last = ended(await run(Search(tree(redrafts=0, repairs=1), Failing(), SearchBudget())))
    assert (last.reason, last.path, last.metric_best) == (EXHAUSTED, (), None)
    assert last.steps == 5 * (1 + 3)  # each draft and its repairs


async def test_workers_expand_different_states_at_the_same_time() -> None:
    found, script = tree(), Script()
    open_now: set[int] = set()
    async for event in Search(found, script, SearchBudget(steps=30), workers=3).events():
        check(found)
        if isinstance(event, ExpansionBegan) and event.node:
            open_now = {lease.node for lease in found.leases if lease.node}
            assert len([lease for lease in found.leases if lease.node]) == len(open_now)
    assert script.most_at_once == 3


async def test_a_lost_kernel_is_told_and_the_search_goes_on() -> None:
    found = tree(retries=100)
    events = await run(Search(found, Script(wrong=0.4), SearchBudget(steps=15), workers=2))
    reasons = {event.reason for event in events if isinstance(event, ExpansionFailed)}
    assert "The kernel died." in reasons and any("bug" in reason for reason in reasons)
    assert ended(events).steps == 15


async def test_an_engine_that_is_lost_for_good_is_named_as_the_end() -> None:
    class Lost:
        async def expand(self, order: Order) -> Expansion:
            raise EngineError("The engine does not start.")

    last = ended(await run(Search(tree(redrafts=0), Lost(), SearchBudget())))
    assert last.reason == f"{EXHAUSTED}, the last by a failure: The engine does not start."
    assert (last.steps, last.path) == (0, ())


async def test_a_machine_that_slept_has_only_spent_the_time_it_was_awake() -> None:
    """The budget's clock is the monotonic one, which stands still in sleep; a night between two of its ticks
    shows on the wall only."""
    awake = iter(range(10_000))
    search = Search(tree(), Script(), SearchBudget(seconds=60), clock=lambda: next(awake) / 10)
    last = ended(await run(search))
    assert last.reason == TIME and 60 <= last.seconds < 61


async def test_a_step_like_its_sibling_is_not_taken_in() -> None:
    class Parrot:
        async def expand(self, order: Order) -> Expansion:
            made = step("x = 1  # again", order.operator)
            return Expansion(steps=(TriedStep(proposal=made, trial=ok(0.6)),))

    found = tree(drafts=3, redrafts=0, improvements=1, depth=1)
    events = await run(Search(found, Parrot(), SearchBudget()))
    assert len(found.growths) == 1
    assert [event.reason for event in events if isinstance(event, ExpansionFailed)]


async def test_orders_carry_the_state_its_memory_and_the_hint() -> None:
    found, script = tree(drafts=2, redrafts=0, improvements=1), Script()
    found.hint(0, "no boosting")
    start = (Cell(id="start", kind="code", source="model = Mean()"),)
    await run(Search(found, script, SearchBudget(steps=8), cells=start))
    assert len(script.orders[1].memory) == 1 and script.orders[1].tried
    deep = next(order for order in script.orders if order.operator is Operator.IMPROVE)
    assert deep.sources == tuple(node.proposal.code for node in found.path(deep.node))
    assert [cell.source for cell in deep.cells] == ["model = Mean()", *deep.sources]
    assert deep.metric == found.node(deep.node).metric
    assert {order.hint for order in script.orders} == {"no boosting"}
    assert len({order.seed for order in script.orders}) == len(script.orders)


async def test_stopping_ends_it_at_once_and_leaves_the_best_path() -> None:
    found = tree()
    found.grow(0, step("a = 1"), ok(0.9))
    search = Search(found, Stuck(), SearchBudget())
    events = []
    async for event in search.events():
        events.append(event)
        if isinstance(event, ExpansionBegan):
            search.stop()
    assert ended(events).reason == STOPPED and ended(events).path == (1,)
    assert not found.leases


async def test_closing_the_events_calls_the_workers_off() -> None:
    found, stuck = tree(), Stuck()
    async with contextlib.aclosing(Search(found, stuck, SearchBudget(), workers=2).events()) as events:
        begun = 0
        while begun < 2:
            begun += isinstance(await anext(events), ExpansionBegan)
        await asyncio.sleep(0)  # both are at work
    assert stuck.cancelled == 2 and not found.leases


async def test_paused_it_begins_nothing_until_it_is_resumed() -> None:
    found, script = tree(), Script()
    search = Search(found, script, SearchBudget(steps=3))
    search.pause()
    running = asyncio.create_task(run(search))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not script.orders and not running.done()
    search.resume()
    assert ended(await running).steps == 3


@pytest.mark.parametrize("workers", [1, 3])
async def test_the_same_seed_and_trials_give_the_same_tree(workers: int) -> None:
    async def searched() -> Tree:
        found = tree(width=2, seed=11)
        await run(Search(found, Script(wrong=0.2), SearchBudget(steps=40), workers=workers))
        return found

    assert shape(await searched()) == shape(await searched())


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(1, 3), st.floats(0, 0.9))
def test_whatever_fails_every_lock_is_given_back(seed, workers, width, wrong):
    found = tree(width=width, seed=seed, drafts=3)
    asyncio.run(run(Search(found, Script(wrong=wrong), SearchBudget(steps=20), workers=workers)))
    check(found)
    assert not found.leases and len(found.growths) <= 20
