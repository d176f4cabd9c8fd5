"""Which node comes next, when a branch ends, and what is the best."""

from __future__ import annotations

import math

import pytest

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import Direction, Operator, TrialStatus
from jupyter_mlagent.search.node import Status
from jupyter_mlagent.search.settings import SearchSettings, exploration_at
from jupyter_mlagent.search.tree import ROOT
from jupyter_mlagent.search.value import value_of

from .growing import check, ended, error, ok, shape, step, tree


def test_a_search_begins_with_the_published_number_of_drafts() -> None:
    found = tree()
    for number in range(5):
        lease = found.select()
        assert (lease.node, lease.operator) == (ROOT, Operator.DRAFT)
        found.finish(lease, [(step(f"a{number} = 1"), ok(0.6))])
    assert found.select().operator is Operator.IMPROVE


def test_a_state_that_works_is_improved_three_times_and_a_failure_repaired() -> None:
    found = tree(drafts=1, redrafts=0)
    (good,) = found.finish(found.select(), [(step("a = 1"), ok(0.6))])
    for number in range(3):
        lease = found.select(progress=1.0)
        assert (lease.node, lease.operator) == (good.id, Operator.IMPROVE)
        found.finish(lease, [(step(f"b{number} = 1", Operator.IMPROVE), error())])
    lease = found.select()
    assert (found.node(lease.node).parent, lease.operator) == (good.id, Operator.DEBUG)


def test_repairs_end_at_the_published_depth() -> None:
    found = tree(drafts=1, redrafts=0, repairs=1)
    (node,) = found.finish(found.select(), [(step("a = 1"), error())])
    for depth in range(1, 4):
        lease = found.select()
        assert (lease.node, lease.operator) == (node.id, Operator.DEBUG)
        (node,) = found.finish(lease, [(step(f"a = {depth} + 1", Operator.DEBUG), error())])
        assert node.debug_depth == depth
    assert node.ended == "3 repairs in a row failed."
    assert found.select() is None and found.exhausted


def test_a_repaired_failure_is_not_repaired_again_and_is_no_cell_of_the_path() -> None:
    found = tree(drafts=1, redrafts=0)
    (failed,) = found.finish(found.select(), [(step("a = 1/0"), error())])
    (repaired,) = found.finish(found.select(), [(step("a = 1", Operator.DEBUG), ok(0.7))])
    assert failed.ended and repaired.state_hash != failed.state_hash == "start"
    assert found.select().node == repaired.id
    assert [node.proposal.code for node in found.best_path] == ["a = 1"]


def test_steps_without_a_gain_end_a_branch() -> None:
    found = tree(drafts=1, improvements=1, redrafts=0)
    found.finish(found.select(), [(step("a = 1"), ok(0.6))])
    for number in range(3):
        (node,) = found.finish(found.select(), [(step(f"b = {number}", Operator.IMPROVE), ok(0.6))])
    assert node.stalled == 3 and node.status is Status.TERMINAL
    assert found.exhausted


@pytest.mark.parametrize("status", [TrialStatus.TIMEOUT, TrialStatus.OUT_OF_MEMORY, TrialStatus.NOT_TRIED])
def test_what_could_not_be_tried_is_no_evidence_and_no_state_to_go_on_from(status: TrialStatus) -> None:
    found = tree(drafts=1, redrafts=0)
    (node,) = found.finish(found.select(), [(step("a = 1"), ended(status))])
    assert not node.scored and node.status is Status.TERMINAL
    assert node.own_value == pytest.approx(0.5 / 1.5)


def test_when_all_drafts_have_ended_others_are_begun() -> None:
    found = tree(drafts=2, redrafts=1)
    for number in range(2):
        found.finish(found.select(), [(step(f"a = {number}"), ended(TrialStatus.TIMEOUT))])
    assert not found.exhausted
    for number in range(2):
        lease = found.select()
        assert lease.node == ROOT
        found.finish(lease, [(step(f"b = {number}"), ended(TrialStatus.TIMEOUT))])
    assert found.select() is None and found.exhausted
    check(found)


def test_two_workers_take_different_branches() -> None:
    found = tree(drafts=2, redrafts=0)
    one, other = found.select(), found.select()
    assert found.select() is None  # both drafts are being made
    found.finish(one, [(step("a = 1"), ok(0.9))])
    found.finish(other, [(step("b = 1"), ok(0.6))])
    first, second = found.select(progress=1.0), found.select(progress=1.0)
    assert {first.node, second.node} == {1, 2}
    assert first.node == 1  # the better one goes first
    check(found)


def test_virtual_visits_lower_a_branch_until_its_expansion_ends() -> None:
    found = tree(drafts=1, redrafts=0)
    (node,) = found.finish(found.select(), [(step("a = 1"), ok(0.6))])
    before = found.uct(node, 0.0)
    lease = found.select()
    assert found.uct(node, 0.0) < before
    found.fail(lease, "the engine stopped")
    assert found.uct(node, 0.0) == before


def test_a_node_whose_expansions_fail_is_given_up_and_the_search_goes_on() -> None:
    found = tree(drafts=2, redrafts=0, retries=2)
    found.finish(found.select(), [(step("a = 1"), ok(0.9))])
    found.finish(found.select(), [(step("b = 1"), ok(0.6))])
    for _ in range(2):
        lease = found.select(progress=1.0)
        assert lease.node == 1
        found.fail(lease, "the kernel died")
    assert "the kernel died" in found.node(1).ended
    assert found.select().node == 2
    check(found)


def test_an_expansion_that_finds_nothing_is_not_repeated_for_ever() -> None:
    found = tree(redrafts=0)
    rounds = 0
    while (lease := found.select()) is not None:
        found.finish(lease, [])
        rounds += 1
    assert rounds == found.settings.retries


def test_one_that_was_called_off_costs_nothing() -> None:
    found = tree(retries=1)
    found.release(found.select())
    assert found.node(ROOT).failures == 0 and found.select() is not None


def test_a_lease_ends_once_and_brings_no_more_than_it_was_given_for() -> None:
    found = tree()
    lease = found.select()
    found.release(lease)
    with pytest.raises(MlagentError):
        found.fail(lease, "again")
    with pytest.raises(MlagentError):
        found.finish(found.select(), [(step("a = 1"), ok(0.6)), (step("b = 1"), ok(0.6))])


def test_a_batch_adds_several_children_but_never_more_than_there_is_room_for() -> None:
    found = tree(width=4)
    lease = found.select()
    assert lease.width == 4
    assert found.select().width == 1  # of five drafts


@pytest.mark.parametrize("direction", list(Direction))
def test_the_best_is_what_betters_the_notebook_by_its_own_direction(direction: Direction) -> None:
    found = tree(direction=direction)
    better, best = (0.6, 0.7) if direction is Direction.MAXIMIZE else (0.4, 0.3)
    assert found.best is None and found.best_path == []
    found.finish(found.select(), [(step("a = 1"), ok(1.0 - better))])
    assert found.best is None
    for code, value in (("b = 1", best), ("c = 1", better), ("d = 1", best)):
        found.finish(found.select(), [(step(code), ok(value))])
    assert found.best.proposal.code == "b = 1"


def test_only_a_new_best_that_really_works_earns_the_bonus() -> None:
    found = tree()
    wishes = {
        "base": 0.5,
        "direction": Direction.MAXIMIZE,
        "config": found.reward,
        "settings": found.settings,
    }
    new, old = value_of(ok(0.7), best=0.6, **wishes), value_of(ok(0.7), best=0.8, **wishes)
    assert new.best and not old.best
    assert new.value - old.value == pytest.approx(found.settings.best_bonus / (1 + found.settings.best_bonus))
    assert not value_of(error(), best=0.6, **wishes).best
    assert not value_of(ok(math.nan), best=0.6, **wishes).best
    assert not value_of(ok(0.6), best=0.6, **wishes).best


def test_the_bonus_fires_in_a_search_each_time_the_best_is_bettered() -> None:
    found = tree()
    for number, value in enumerate((0.6, 0.55, 0.7, 0.7, 0.8)):
        found.finish(found.select(), [(step(f"a = {number}"), ok(value))])
    assert [node.best_when_grown for node in found.nodes[1:]] == [True, False, True, False, True]


def test_a_metric_that_can_never_be_read_leaves_no_best_and_the_search_ends() -> None:
    found = tree(metric=None, redrafts=0)
    while (lease := found.select()) is not None:
        found.finish(lease, [(step(f"a = {len(found.nodes)}"), ok(None, None))])
        check(found)
    assert found.exhausted and found.best is None


def test_a_pruned_branch_is_neither_expanded_nor_the_best_until_it_is_restored() -> None:
    found = tree(drafts=2, redrafts=0)
    found.finish(found.select(), [(step("a = 1"), ok(0.9))])
    found.finish(found.select(), [(step("b = 1"), ok(0.6))])
    found.prune(1)
    assert found.best.id == 2 and found.node(1).status is Status.PRUNED
    lease = found.select(progress=1.0)
    assert lease.node == 2
    found.release(lease)
    found.restore(1)
    assert found.best.id == 1
    with pytest.raises(MlagentError):
        found.prune(ROOT)


def test_a_pinned_node_comes_first_while_it_has_room() -> None:
    found = tree(drafts=2, redrafts=0, improvements=1, depth=2)
    found.finish(found.select(), [(step("a = 1"), ok(0.9))])
    found.finish(found.select(), [(step("b = 1"), ok(0.6))])
    found.pin(2)
    lease = found.select(progress=1.0)
    assert lease.node == 2
    found.finish(lease, [(step("c = 1", Operator.IMPROVE), ok(0.6))])
    assert found.select().node == 1


def test_a_hint_holds_for_all_that_grows_from_a_node() -> None:
    found = tree(drafts=1)
    found.finish(found.select(), [(step("a = 1"), ok(0.9))])
    found.hint(ROOT, "no boosting")
    assert found.hint_for(1) == "no boosting"
    found.hint(1, " use logs ")
    assert (found.hint_for(1), found.hint_for(ROOT)) == ("use logs", "no boosting")


def test_the_exploration_constant_falls_from_its_beginning_to_its_end() -> None:
    settings = SearchSettings()
    values = [exploration_at(share / 20, settings) for share in range(21)]
    assert values[0] == math.sqrt(2) and values[-1] == 0.5
    assert values == sorted(values, reverse=True)
    assert exploration_at(0.5, settings) == pytest.approx((math.sqrt(2) + 0.5) / 2)


def test_settings_that_make_no_sense_are_refused_in_a_sentence() -> None:
    with pytest.raises(MlagentError, match="drafts"):
        SearchSettings(drafts=0)
    with pytest.raises(MlagentError, match="decay"):
        SearchSettings(decay_from=0.9, decay_until=0.1)


def test_a_tree_is_rebuilt_from_what_it_had_grown() -> None:
    found = tree(drafts=2)
    found.finish(found.select(), [(step("a = 1"), ok(0.6))])
    found.finish(found.select(), [(step("b = 1"), error())])
    found.finish(found.select(progress=1.0), [(step("c = 1", Operator.IMPROVE), ok(0.8))])
    again = tree(drafts=2)
    again.rebuild(found.growths)
    assert shape(again) == shape(found)
    with pytest.raises(MlagentError):
        tree().rebuild(found.growths[2:])
