"""Sampled bytes become text: whole characters, and nothing from the first stop string on."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlagent.engine.reply_text import ReplyText

WORDS = st.text(alphabet="ab`\n é漢🙂", max_size=40)
STOPS = st.lists(st.text(alphabet="ab`\n é", min_size=1, max_size=4), max_size=3)
CUTS = st.lists(st.integers(min_value=0, max_value=120), max_size=12)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:end] for start, end in pairwise(edges)]


def first_stop(text: str, stops: list[str]) -> str:
    """The specification: everything before the earliest stop string."""
    found = [position for stop in stops if (position := text.find(stop)) >= 0]
    return text[: min(found)] if found else text


@given(WORDS, STOPS, CUTS)
def test_whatever_the_tokens_the_text_ends_before_the_earliest_completed_stop(text, stops, cuts):
    reply = ReplyText(stops)
    emitted = ""
    for piece in pieces(text.encode(), cuts):
        emitted += reply.feed(piece)
        assert not any(stop in emitted for stop in stops)
        if reply.stopped:
            break
    emitted += "" if reply.stopped else reply.finish()

    # A longer stop that starts earlier may still be incomplete when a shorter one completes; what is
    # emitted is then the text before the shorter one, as a reader of the stream would have cut it.
    assert text.startswith(emitted)
    assert not any(stop in emitted for stop in stops)
    if not reply.stopped:
        assert emitted == first_stop(text, stops) == text


@given(WORDS, CUTS)
def test_without_stops_nothing_is_lost_and_no_character_is_split(text, cuts):
    reply = ReplyText()
    emitted = [reply.feed(piece) for piece in pieces(text.encode(), cuts)]
    assert "".join(emitted) + reply.finish() == text
    assert "�" not in "".join(emitted)


def test_a_stop_split_over_tokens_is_never_shown():
    reply = ReplyText(["```\n"])
    assert reply.feed(b"x = 1\n`") == "x = 1\n"
    assert reply.feed(b"`") == ""
    assert reply.feed(b"`\nmore") == ""
    assert reply.stopped


def test_what_only_looked_like_a_stop_is_shown_once_that_is_clear():
    reply = ReplyText(["```\n"])
    assert reply.feed(b"``") == ""
    assert reply.feed(b"x") == "``x"


def test_what_was_held_back_is_shown_at_the_end():
    reply = ReplyText(["END"])
    assert reply.feed(b"the EN") == "the "
    assert reply.finish() == "EN"


def test_half_a_character_at_the_end_is_dropped():
    reply = ReplyText()
    assert reply.feed("ok 🙂".encode()[:-1]) + reply.finish() == "ok "
