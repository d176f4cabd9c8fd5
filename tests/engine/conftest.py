"""Models for tests marked `model` (through the catalog, skipped where not fetched), and asking an engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from jupyter_mlagent.engine.api import (
    Engine,
    GenerateDone,
    GenerateEvent,
    GenerateRequest,
    PromptRead,
    ReplyDone,
    SamplingOptions,
    TextDelta,
)
from jupyter_mlagent.engine.catalog import resolve
from jupyter_mlagent.errors import ModelError
from jupyter_mlagent.records import ChatMessage, Sample

# A slow machine is no failure.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture(autouse=True)
def hub_not_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of training that ran in this process before may have forbidden the hub."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def model_file(name: str) -> Path:
    try:
        return resolve(name).path
    except ModelError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def small_model() -> Path:
    """SmolLM2-135M: quick, no fill-in-the-middle."""
    return model_file("smollm2-135m")


@pytest.fixture(scope="session")
def coder_model() -> Path:
    """Qwen2.5-Coder-0.5B: the smallest model that a person is offered."""
    return model_file("qwen2.5-coder-0.5b")


class Replies:
    """What one request yielded, collected."""

    def __init__(self) -> None:
        self.events: list[GenerateEvent] = []

    @property
    def samples(self) -> list[Sample]:
        """In order of their index."""
        done = [event for event in self.events if isinstance(event, ReplyDone)]
        return [event.sample for event in sorted(done, key=lambda event: event.index)]

    @property
    def texts(self) -> list[str]:
        return [sample.text for sample in self.samples]

    def streamed(self, index: int) -> str:
        return "".join(
            event.text for event in self.events if isinstance(event, TextDelta) and event.index == index
        )

    @property
    def read(self) -> PromptRead:
        return next(event for event in self.events if isinstance(event, PromptRead))

    @property
    def done(self) -> GenerateDone:
        assert isinstance(self.events[-1], GenerateDone)
        return self.events[-1]


Ask = Callable[..., Awaitable[Replies]]


def request(prompt: str = "Count from one to twenty in words.", **options: Any) -> GenerateRequest:
    """A chat request; names that are not the request's own are its sampling options."""
    own = {
        name: options.pop(name)
        for name in ("n", "cache_key", "prefill", "prefills", "lead", "raw_prompt")
        if name in options
    }
    messages = () if "raw_prompt" in own else (ChatMessage(role="user", content=prompt),)
    sampling = SamplingOptions(**{"max_tokens": 16, "seed": 7, **options})
    return GenerateRequest(messages=messages, options=sampling, **own)


async def collect(engine: Engine, asked: GenerateRequest) -> Replies:
    replies = Replies()
    async for event in engine.generate(asked):
        replies.events.append(event)
    return replies


@pytest.fixture
def make_request() -> Callable[..., GenerateRequest]:
    return request


@pytest.fixture
def ask() -> Ask:
    """`await ask(engine, "prompt", n=2, max_tokens=8)`: the collected replies."""

    async def run(engine: Engine, *args: Any, **options: Any) -> Replies:
        return await collect(engine, request(*args, **options))

    return run
