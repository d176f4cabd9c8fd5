"""What the agent learns from: a reply to a prompt and its worth; a file holds one a line, as JSON."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path

import msgspec

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.records import ChatMessage, Operator, Record


class ExampleError(MlagentError):
    """A file of examples cannot be read or written."""


class Source(StrEnum):
    """Where a reply comes from."""

    EXPERT = "expert"
    """Sampled with ideas in the prompt, and confirmed by execution."""
    ACCEPTED = "accepted"
    EDITED = "edited"
    """What the person made of a proposal: the better answer."""
    REJECTED = "rejected"


class Example(Record):
    """One reply to one prompt. A model sees `messages`, `prefill`, `opening`, `reply`, in this order."""

    messages: tuple[ChatMessage, ...]
    reply: str
    """What is learnt: the rest, up to where the turn ends; the token that ends it is added in training."""
    task: str
    """The task's id; for a person's notebook its path."""
    prefill: str = ""
    """What the reply begins with: given, so nothing is learnt of it (`GenerateRequest.prefill`)."""
    opening: str = ""
    """What it goes on with, given too, in tokens of its own (one of `GenerateRequest.prefills`)."""
    state_hash: str = ""
    notebook: str = ""
    operator: Operator = Operator.IMPROVE
    metric_before: float | None = None
    metric_after: float | None = None
    reward: float = 0.5
    weight: float = 1.0
    """Of its loss; each of a prompt's replies has its own."""
    source: Source = Source.EXPERT
    family: str = ""
    """Estimator or operation, `agent/families.py`'s words: what diversity is counted in."""
    step_id: str = ""
    """Of the journal's step, or of the run that collected it."""

    @property
    def prompt_key(self) -> tuple[tuple[ChatMessage, ...], str]:
        """Equal for replies to one prompt, which is then computed once for all of them."""
        return self.messages, self.prefill


def read_examples(path: Path) -> list[Example]:
    """All of a file; a last line cut short by a crash is left out. Other damage raises ExampleError."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise ExampleError(f"The examples {path} cannot be read ({error.strerror}).") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found.append(msgspec.json.decode(line, type=Example))
        except msgspec.DecodeError as error:
            if number == len(lines):
                break
            raise ExampleError(f"{path}, line {number}, is no example ({error}).") from None
    return found


def append_examples(path: Path, examples: Iterable[Example]) -> None:
    """Add them, on disk when this returns; a last line cut short by a crash is taken away first."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(_end_of_whole_lines(path))
            file.truncate()
            file.writelines(_lines(examples))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise ExampleError(f"The examples {path} cannot be written ({error.strerror}).") from None


def write_examples(path: Path, examples: Iterable[Example]) -> None:
    """Make the file hold these and no others: whole, or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.writelines(_lines(examples))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ExampleError(f"The examples {path} cannot be written ({error.strerror}).") from None


def _lines(examples: Iterable[Example]) -> Iterator[bytes]:
    for example in examples:
        yield msgspec.json.encode(example) + b"\n"


def _end_of_whole_lines(path: Path) -> int:
    return path.read_bytes().rfind(b"\n") + 1
