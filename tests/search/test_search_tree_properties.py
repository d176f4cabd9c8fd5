"""What holds of every tree, whatever is tried, fails or is called off, by however many workers."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.search.tree import Lease, Tree

from .growing import any_trial, check, shape, step, tree

wishes = st.fixed_dictionaries(
    {
        "drafts": st.integers(1, 4),
        "improvements": st.integers(1, 3),
        "repairs": st.integers(1, 2),
        "debug_depth": st.integers(0, 3),
        "depth": st.integers(1, 5),
        "stagnation": st.integers(1, 3),
        "redrafts": st.integers(0, 2),
        "width": st.integers(1, 3),
        "retries": st.integers(1, 3),
        "seed": st.integers(0, 5),
    }
)


def search(found: Tree, chance: random.Random, workers: int, turns: int) -> Tree:
    """Workers that end in any order: with steps, with too few, with a failure, or called off."""
    working: list[Lease] = []
    for turn in range(turns):
        while len(working) < workers and (lease := found.select(turn / turns)) is not None:
            working.append(lease)
            check(found)
        if not working:
            break
        lease = working.pop(chance.randrange(len(working)))
        roll = chance.random()
        if roll < 0.1:
            found.fail(lease, "lost")
        elif roll < 0.15:
            found.release(lease)
        else:
            count = chance.randint(0, lease.width) if roll < 0.3 else lease.width
            codes = [f"x = {turn} * {number}" for number in range(count)]
            metric = found.node(lease.node).metric
            found.finish(lease, [(step(code, lease.operator), any_trial(chance, metric)) for code in codes])
        if chance.random() < 0.05 and len(found.nodes) > 1:
            found.prune(chance.randrange(1, len(found.nodes)))
        if chance.random() < 0.05:
            found.pin(chance.randrange(len(found.nodes)))
        check(found)
    for lease in working:
        found.release(lease)
    check(found)
    return found


@settings(deadline=None, max_examples=60)
@given(wishes, st.integers(0, 10**6), st.integers(1, 4))
def test_visits_values_and_locks_hold_under_random_failures(wanted, seed, workers):
    found = search(tree(**wanted), random.Random(seed), workers, turns=40)
    assert not found.leases
    assert all(node.virtual == node.leases == node.reserved == 0 for node in found.nodes)


@settings(deadline=None, max_examples=30)
@given(wishes, st.integers(0, 10**6), st.integers(1, 3))
def test_the_same_seed_and_trials_give_the_same_tree(wanted, seed, workers):
    one = search(tree(**wanted), random.Random(seed), workers, turns=30)
    other = search(tree(**wanted), random.Random(seed), workers, turns=30)
    assert shape(one) == shape(other)
    assert [node.id for node in one.best_path] == [node.id for node in other.best_path]


@settings(deadline=None, max_examples=30)
@given(wishes, st.integers(0, 10**6))
def test_a_search_without_a_budget_ends_by_itself(wanted, seed):
    found, chance = tree(**wanted), random.Random(seed)
    most = wanted["drafts"] * (1 + wanted["redrafts"])
    limit = most * sum(max(wanted["improvements"], wanted["repairs"]) ** depth for depth in range(6)) * 4
    for turn in range(limit):
        lease = found.select()
        if lease is None:
            break
        code = f"x = {turn}"
        found.finish(lease, [(step(code, lease.operator), any_trial(chance, found.node(lease.node).metric))])
    assert found.exhausted


@settings(deadline=None, max_examples=30)
@given(wishes, st.integers(0, 10**6), st.integers(1, 3))
def test_a_tree_rebuilt_after_a_kill_knows_the_same_best(wanted, seed, workers):
    found = search(tree(**wanted), random.Random(seed), workers, turns=30)
    again = tree(**wanted)
    again.rebuild(found.growths)
    check(again)
    for node in found.nodes:
        if node.pruned:
            again.prune(node.id)
    assert [node.id for node in again.best_path] == [node.id for node in found.best_path]
