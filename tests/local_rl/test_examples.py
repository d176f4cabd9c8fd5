"""Files of examples: what was written comes back, and a crash costs one line at most."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlagent.records import ChatMessage, Operator
from local_rl.examples import (
    Example,
    ExampleError,
    Source,
    append_examples,
    read_examples,
    write_examples,
)


def example(reply: str = " Scale.\nmodel = 1\n```", **fields: object) -> Example:
    return msgspec.structs.replace(
        Example(
            messages=(ChatMessage(role="user", content="improve"),),
            prefill="```python\n# PLAN:",
            reply=reply,
            task="line",
            operator=Operator.IMPROVE,
            source=Source.EXPERT,
        ),
        **fields,
    )


@given(
    replies=st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5), cut=st.integers(1, 40)
)
def test_a_cut_last_line_costs_that_line_only_and_writing_goes_on(tmp_path_factory, replies, cut) -> None:
    path = tmp_path_factory.mktemp("examples") / "examples.jsonl"
    whole = [example(reply) for reply in replies]
    append_examples(path, whole)
    with path.open("ab") as file:
        file.write(msgspec.json.encode(example("lost"))[:cut])

    assert read_examples(path) == whole
    append_examples(path, [example("next")])
    assert read_examples(path) == [*whole, example("next")]


def test_damage_elsewhere_is_said_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_bytes(b'{"task": 3}\n' + msgspec.json.encode(example()) + b"\n")
    with pytest.raises(ExampleError, match="line 1"):
        read_examples(path)


def test_writing_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "examples.jsonl"
    write_examples(path, [example("one")])
    write_examples(path, [example("two")])
    assert [found.reply for found in read_examples(path)] == ["two"]
    assert [entry.name for entry in path.parent.iterdir()] == ["examples.jsonl"]


def test_what_cannot_be_read_or_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ExampleError, match="cannot be read"):
        read_examples(tmp_path / "absent.jsonl")
    (tmp_path / "file").write_text("")
    with pytest.raises(ExampleError, match="cannot be written"):
        append_examples(tmp_path / "file" / "examples.jsonl", [example()])


def test_replies_to_one_prompt_are_known_as_such() -> None:
    assert example("a").prompt_key == example("b", opening=" Try trees.").prompt_key
    assert example("a").prompt_key != example("a", prefill="").prompt_key
