"""What every engine offers, whether llama.cpp in a worker process or an OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Protocol

from jupyter_mlagent.records import ChatMessage, Record, Sample


class SamplingOptions(Record):
    """How to draw. Field names and meanings follow llama.cpp."""

    max_tokens: int = 512
    temperature: float = 0.8
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    """The reply ends before the first of these strings."""
    grammar: str | None = None
    """GBNF; only engines whose `EngineInfo.grammar` is true take one."""


class GenerateRequest(Record):
    """Draw `n` replies to one prompt, in one batch over its shared prefix where the engine can."""

    messages: tuple[ChatMessage, ...] = ()
    raw_prompt: str | None = None
    """Used in place of `messages`, e.g. for fill-in-the-middle; special tokens in it are parsed."""
    prefill: str = ""
    """Text that every reply starts with (it counts as the reply's, and is part of its text)."""
    prefills: tuple[str, ...] = ()
    """What reply i goes on with after `prefill` (n texts, or none), so that replies to one prompt differ.
    Not sampled, so in no `token_ids`; ignored by engines that cannot. Not together with a grammar."""
    lead: bool = False
    """Write reply 0 before the others begin: one is there sooner, all of them a little later. Seeds
    are the same either way; engines that send each reply on its own ignore it."""
    n: int = 1
    options: SamplingOptions = SamplingOptions()
    cache_key: str = ""
    """Requests with the same key (one notebook) reuse each other's prompt prefix."""


class PromptRead(Record, tag="prompt_read"):
    """The prompt has been evaluated; tokens follow."""

    prompt_tokens: int
    cached_tokens: int
    seconds: float


class TextDelta(Record, tag="text_delta"):
    """New text of reply `index` (0 <= index < n)."""

    index: int
    text: str


class ReplyDone(Record, tag="reply_done"):
    index: int
    sample: Sample


class GenerateDone(Record, tag="generate_done"):
    """Always the last event of a request that was neither cancelled nor failed."""

    prompt_tokens: int
    cached_tokens: int
    sampled_tokens: int
    prompt_seconds: float
    sample_seconds: float


GenerateEvent = PromptRead | TextDelta | ReplyDone | GenerateDone


class EngineInfo(Record):
    model: str
    """Catalog name, file name, or the endpoint's model id."""
    context_tokens: int
    model_sha256: str | None = None
    adapter: str | None = None
    fim: bool = False
    """True where fill-in-the-middle works."""
    fim_tokens: tuple[str, str, str] | None = None
    """Texts of the prefix, suffix and middle tokens, where the engine knows them."""
    grammar: bool = False
    logprobs: bool = False
    prefills: bool = False
    """Whether replies start with what `GenerateRequest.prefills` gives them."""
    worker_pid: int | None = None
    memory_bytes: int | None = None


class Engine(Protocol):
    """Every method raises `EngineError` with one sentence when the engine cannot serve it."""

    async def start(self) -> EngineInfo:
        """Load the model; returns at once when it is loaded already."""
        ...

    async def info(self) -> EngineInfo: ...

    def generate(self, request: GenerateRequest) -> AsyncIterator[GenerateEvent]:
        """Stream a request. Closing the iterator (`aclose`) cancels it."""
        ...

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        """Tokens of the messages with the chat template applied; endpoints may estimate, never too low."""
        ...

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit-length vector per text, from the same model."""
        ...

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:
        """Swap to a GGUF LoRA adapter (None: back to the base) without reloading the base."""
        ...

    async def close(self) -> None: ...
