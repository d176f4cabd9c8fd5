"""What the client and the model worker say to each other.

Frames on a pipe: four bytes, little-endian length, then msgpack. A frame to the worker is one command, a
frame to the client a list of events, since one decoding step yields text for several replies at once.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import msgspec

from jupyter_mlagent.engine.api import GenerateEvent, GenerateRequest
from jupyter_mlagent.records import ChatMessage, Record

LENGTH = struct.Struct("<I")
"""Prefix of every frame: the number of bytes that follow."""


class Load(Record, tag="load"):
    """The first command; answered by Hello, Loading..., then Ready or LoadFailed."""

    path: str
    context_tokens: int
    threads: int
    gpu_layers: int
    """-1: all of them where the build can, 0: none."""
    idle_prefix_bytes: int
    """How much memory the prefixes of idle notebooks may take."""


class Generate(Record, tag="generate"):
    """Answered by Generated..., then one of Generated(GenerateDone), Failed, Cancelled."""

    id: int
    request: GenerateRequest


class Cancel(Record, tag="cancel"):
    """End the request `id`, queued or under way; it answers Cancelled unless it had ended already."""

    id: int


class CountTokens(Record, tag="count_tokens"):
    id: int
    messages: tuple[ChatMessage, ...]


class Embed(Record, tag="embed"):
    id: int
    texts: tuple[str, ...]


class SetAdapter(Record, tag="set_adapter"):
    id: int
    path: str | None
    scale: float


class Hello(Record, tag="hello"):
    """llama.cpp is loaded; `sets` are the instruction sets it was compiled for."""

    pid: int
    sets: tuple[str, ...]


class Loading(Record, tag="loading"):
    progress: float
    """0 to 1 of the weights."""


class WarmingUp(Record, tag="warming_up"):
    """The weights are loaded and the first decode is about to run."""


class Ready(Record, tag="ready"):
    description: str
    architecture: str
    context_tokens: int
    trained_context_tokens: int
    fim_tokens: tuple[str, str, str] | None
    """Texts of the prefix, suffix and middle tokens."""
    on_gpu: bool


class LoadFailed(Record, tag="load_failed"):
    reason: str


class Generated(Record, tag="generated"):
    id: int
    event: GenerateEvent


class Failed(Record, tag="failed"):
    """The request could not be served; `reason` is a sentence for a person."""

    id: int
    reason: str


class Cancelled(Record, tag="cancelled"):
    id: int


class TokensCounted(Record, tag="tokens_counted"):
    id: int
    tokens: int


class Embedded(Record, tag="embedded"):
    id: int
    vectors: tuple[tuple[float, ...], ...]


class AdapterSet(Record, tag="adapter_set"):
    id: int


Command = Load | Generate | Cancel | CountTokens | Embed | SetAdapter
Event = (
    Hello
    | Loading
    | WarmingUp
    | Ready
    | LoadFailed
    | Generated
    | Failed
    | Cancelled
    | TokensCounted
    | Embedded
    | AdapterSet
)

_encoder = msgspec.msgpack.Encoder()
_commands = msgspec.msgpack.Decoder(Command)
_events = msgspec.msgpack.Decoder(list[Event])


def command_frame(command: Command) -> bytes:
    return _frame(_encoder.encode(command))


def event_frame(events: Iterable[Event]) -> bytes:
    return _frame(_encoder.encode(list(events)))


def decode_command(body: bytes) -> Command:
    """Raises msgspec.MsgspecError when `body` is no command."""
    command: Command = _commands.decode(body)
    return command


def decode_events(body: bytes) -> list[Event]:
    """Raises msgspec.MsgspecError when `body` is no list of events."""
    return _events.decode(body)


def _frame(body: bytes) -> bytes:
    return LENGTH.pack(len(body)) + body
