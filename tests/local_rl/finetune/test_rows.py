"""Rows of examples: nothing is learned twice, nothing given is learned, nothing is lost unsaid."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlagent.records import ChatMessage
from local_rl.examples import Example, Source
from local_rl.finetune.rows import fingerprint, make_rows
from local_rl.steps.packing import IGNORED


class Words:
    """A tokenizer: one token a word."""

    end_of_turn = 0

    def prompt(self, messages, prefill=""):
        return [len(word) + 100 for message in messages for word in message.content.split()] + [
            len(word) + 200 for word in prefill.split()
        ]

    def opening(self, text):
        return [len(word) + 300 for word in text.split()]

    def reply(self, text):
        return [*(len(word) + 400 for word in text.split()), self.end_of_turn]


def example(prompt: str, reply: str, **fields: object) -> Example:
    made = Example(
        messages=(ChatMessage(role="user", content=prompt),), prefill="plan", reply=reply, task="t"
    )
    return msgspec.structs.replace(made, **fields)


def rows_of(*examples: Example, max_tokens: int = 100, replies_per_row: int = 8):
    return make_rows(examples, Words(), max_tokens=max_tokens, replies_per_row=replies_per_row)


def test_replies_to_one_prompt_share_a_row_and_openings_are_given() -> None:
    made = rows_of(
        example("a bb", "x"), example("other", "y"), example("a bb", "yy zz", opening="so it", weight=2)
    )
    shared, single = made.rows
    assert (shared.prompt, len(shared.replies), len(single.replies)) == ((101, 102, 204), 2, 1)
    packed, weights = shared.packed()
    assert packed.tokens == [101, 102, 204, 401, 0, 204, 302, 302, 402, 402, 0]
    assert packed.positions == [0, 1, 2, 3, 4, 2, 3, 4, 5, 6, 7]
    assert packed.labels == [IGNORED, IGNORED, 401, 0, IGNORED, IGNORED, IGNORED, 402, 402, 0, IGNORED]
    assert weights == [0, 0, 1, 1, 0, 0, 0, 2, 2, 2, 0]
    assert shared.learned == 5
    assert shared.tokens == len(packed.tokens)


def test_what_is_left_out_is_counted() -> None:
    made = rows_of(
        example("a", "x"),
        example("a", "far too many words here", step_id="9"),
        example("a", "y", source=Source.REJECTED),
        example("a", "z", weight=0.0),
        max_tokens=5,
    )
    assert (made.learned_from, made.too_long, made.not_imitated) == (1, 1, 2)


@given(
    drawn=st.lists(
        st.tuples(st.sampled_from(["p", "q r"]), st.text("ab ", max_size=8), st.sampled_from(["", "go on"])),
        min_size=1,
        max_size=12,
    ),
    per_row=st.integers(1, 4),
    at_once=st.integers(1, 5),
)
def test_every_learned_token_is_learned_once_however_rows_are_cut(drawn, per_row, at_once) -> None:
    examples = [example(prompt, reply, opening=opening) for prompt, reply, opening in drawn]
    made = rows_of(*examples, replies_per_row=per_row)
    learned = []
    for row in made.rows:
        assert len(row.replies) <= per_row
        for piece in row.pieces(at_once):
            packed, weights = piece.packed()
            labels = [label for label in packed.labels if label != IGNORED]
            assert sum(weight > 0 for weight in weights) == len(labels) == piece.learned
            learned += labels
    assert sorted(learned) == sorted(token for _, reply, _ in drawn for token in Words().reply(reply))
    assert made.learned_from == len(drawn)


def test_the_fingerprint_tells_data_apart() -> None:
    one, other = [example("a", "x")], [example("a", "y")]
    assert fingerprint(one) == fingerprint(list(one)) != fingerprint(other)
    assert fingerprint(one + other) != fingerprint(other + one)
    assert len(fingerprint([])) == 64


@pytest.mark.parametrize("origin", ["17", ""])
def test_a_row_knows_where_it_came_from(origin: str) -> None:
    (row,) = rows_of(example("a", "x", step_id=origin)).rows
    assert row.origin == (f"t (steps {origin})" if origin else "t")
