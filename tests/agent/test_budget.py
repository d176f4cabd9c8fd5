"""Texts are fitted into a budget: the least relevant are shortened first, and always in the same way."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.agent.budget import STEP, Piece, cut, fit
from jupyter_mlagent.agent.clip import clip_line, clip_lines, one_line, printable


def count(text: str) -> int:
    return len(text)


def piece(name: str, relevance: float, *sizes: int, floor: int = -1, volatile: bool = False) -> Piece:
    return Piece(name, tuple("x" * size for size in sizes), relevance, floor, volatile)


def test_what_fits_stays_whole() -> None:
    assert fit([piece("a", 1, 50, 0), piece("b", 2, 40, 0)], 100, count) == [0, 0]


def test_the_least_relevant_is_shortened_first() -> None:
    assert fit([piece("a", 1, 50, 10), piece("b", 2, 50, 10)], 70, count) == [1, 0]
    assert fit([piece("a", 2, 50, 10), piece("b", 1, 50, 10)], 70, count) == [0, 1]


def test_peers_are_shortened_before_one_of_them_is_left_out() -> None:
    assert fit([piece("a", 1, 50, 20, 0), piece("b", 2, 50, 20, 0)], 50, count) == [1, 1]


def test_a_floor_holds_until_all_else_is_at_its_own() -> None:
    metric = piece("metric", 1, 50, 10, 0, floor=0)

    assert fit([metric, piece("b", 9, 50, 10, 0)], 60, count) == [0, 2]
    assert fit([metric, piece("b", 9, 50, 10, 0)], 20, count) == [1, 2]


def test_a_change_of_a_volatile_piece_below_one_step_changes_nothing_else() -> None:
    others = [piece("a", 1, 200, 100, 0), piece("b", 2, 300, 50, 0)]

    chosen = {
        tuple(fit([*others, piece("last", 9, size, volatile=True)], 500, count))
        for size in range(1, STEP - 1)
    }

    assert len(chosen) == 1


PIECES = st.lists(
    st.builds(
        Piece,
        name=st.just("p"),
        levels=st.lists(st.text("ab", max_size=90), min_size=1, max_size=4).map(
            lambda texts: tuple(sorted(texts, key=len, reverse=True))
        ),
        relevance=st.floats(0, 100),
        floor=st.integers(-1, 0),
        volatile=st.booleans(),
    ),
    max_size=8,
)


@settings(deadline=None)
@given(PIECES, st.integers(0, 600))
def test_the_result_fits_or_everything_is_at_its_shortest(pieces: list[Piece], tokens: int) -> None:
    levels = fit(pieces, tokens, count)

    total = sum(len(each.levels[level]) for each, level in zip(pieces, levels, strict=True))
    shortest = all(
        not each.levels[level] or level == len(each.levels) - 1
        for each, level in zip(pieces, levels, strict=True)
    )
    assert total <= tokens or shortest


@settings(deadline=None)
@given(st.text(max_size=300), st.integers(0, 200))
def test_a_cut_text_fits_and_keeps_its_head(text: str, tokens: int) -> None:
    shorter = cut(text, tokens, count)

    assert count(shorter) <= tokens
    assert text.startswith(shorter.split("\n...\n")[0]) or not shorter


@settings(deadline=None)
@given(st.text(max_size=400), st.integers(1, 60), st.integers(0, 4), st.integers(0, 4))
def test_clipped_lines_are_no_longer_than_asked_for(text: str, width: int, head: int, tail: int) -> None:
    lines = clip_lines(text, head, tail, width).split("\n")

    assert len(clip_line(text, width)) <= width
    assert len(one_line(text, width)) <= width
    assert len(lines) <= head + tail + 1
    assert all(len(line) <= width for line in lines if "lines left out" not in line)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_printable_text_can_be_encoded_and_holds_no_control_characters(text: str) -> None:
    shown = printable(text)

    shown.encode()
    assert not any(ord(char) < 32 and char not in "\n\t" for char in shown)
    assert printable(shown) == shown
