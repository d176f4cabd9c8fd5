"""The most diverse ideas: no two the same, spread out, and the same answer for the same input."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_rl.explore.diverse import cosine_distance, most_diverse

NUMBERS = st.floats(-1, 1).map(lambda number: round(number, 3))
VECTORS = st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=14)


@settings(deadline=None)
@given(vectors=VECTORS, count=st.integers(0, 20))
def test_as_many_as_wanted_or_as_there_are_and_none_twice(vectors, count) -> None:
    chosen = most_diverse(vectors, count)
    assert len(chosen) == len(set(chosen)) == min(count, len(vectors))
    assert chosen == most_diverse(vectors, count)


@settings(deadline=None)
@given(vectors=VECTORS, count=st.integers(1, 13))
def test_more_ideas_keep_those_chosen_before(vectors, count) -> None:
    assert most_diverse(vectors, count + 1)[:count] == most_diverse(vectors, count)


@settings(deadline=None)
@given(vectors=VECTORS, count=st.integers(2, 8))
def test_each_next_one_is_the_farthest_from_those_before(vectors, count) -> None:
    chosen = most_diverse(vectors, count)

    def nearest(place: int, before: list[int]) -> float:
        return min(cosine_distance(vectors[place], vectors[other]) for other in before)

    for number in range(1, len(chosen)):
        before = chosen[:number]
        left = [place for place in range(len(vectors)) if place not in before]
        assert nearest(chosen[number], before) == max(nearest(place, before) for place in left)


@settings(deadline=None)
@given(one=VECTORS, scale=st.floats(0.1, 10))
def test_distance_is_symmetric_bounded_and_blind_to_length(one, scale) -> None:
    first, last = one[0], one[-1]
    distance = cosine_distance(first, last)
    assert 0.0 <= distance <= 2.0
    assert distance == cosine_distance(last, first)
    longer = [scale * number for number in first]
    assert cosine_distance(longer, last) == pytest.approx(distance, abs=1e-9)


def test_of_two_clusters_both_are_represented() -> None:
    east = [[1.0, 0.01 * number] for number in range(5)]
    north = [[0.01 * number, 1.0] for number in range(5)]
    chosen = most_diverse([*east, *north], 2)
    assert {place < 5 for place in chosen} == {True, False}
    assert math.isclose(cosine_distance([1, 0], [0, 1]), 1.0)
