"""Any OpenAI-compatible endpoint (vLLM, llama-server, Ollama, a hosted one), as an Engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from jupyter_mlagent.engine.api import (
    EngineInfo,
    GenerateDone,
    GenerateEvent,
    GenerateRequest,
    PromptRead,
)
from jupyter_mlagent.engine.encodable import encodable, encodable_request
from jupyter_mlagent.engine.openai_replies import Replies
from jupyter_mlagent.engine.openai_request import OPTIONAL_FIELDS, body
from jupyter_mlagent.engine.openai_wire import (
    Chunk,
    Embeddings,
    ServedModel,
    ServedModels,
    chunks,
    error_message,
    refusal,
    unreachable,
)
from jupyter_mlagent.engine.token_estimate import estimate_prompt_tokens
from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.records import ChatMessage

DEFAULT_CONTEXT_TOKENS = 8192
"""Assumed where the endpoint does not tell."""

_T = TypeVar("_T")


class OpenAIEngine:
    """One model of one endpoint.

    Fields that an endpoint refuses (`top_k`, `logprobs`, `n` ...) are left out from then on; what it
    ignores is made up for where it can be: missing replies by further requests in parallel.
    """

    def __init__(
        self,
        base_url: str,
        model: str | None = None,
        api_key: str | None = None,
        *,
        context_tokens: int | None = None,
        timeout_seconds: float = 180.0,
    ) -> None:
        """`model`: None for the first one that the endpoint lists. `timeout_seconds`: longest silence."""
        self._url = base_url.rstrip("/")
        self._model = model
        self._key = api_key
        self._context_tokens = context_tokens
        self._timeout = httpx.Timeout(timeout_seconds, connect=10.0)
        self._served: ServedModel | None = None
        self._left_out: set[str] = set()
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> EngineInfo:
        if self._served is None:
            self._served = await self._find_model()
        return await self.info()

    async def info(self) -> EngineInfo:
        served = self._served
        told = served.max_model_len if served else None
        return EngineInfo(
            model=served.id if served else self._model or self._url,
            context_tokens=self._context_tokens or told or DEFAULT_CONTEXT_TOKENS,
            logprobs="logprobs" not in self._left_out,
        )

    async def generate(self, request: GenerateRequest) -> AsyncGenerator[GenerateEvent]:
        _check(request)
        request = encodable_request(request)
        await self.start()
        started = time.perf_counter()
        replies = Replies(request)
        arriving: asyncio.Queue[Chunk | None] = asyncio.Queue()
        streams = asyncio.create_task(self._ask_all(request, replies, arriving))
        streams.add_done_callback(lambda _: arriving.put_nowait(None))
        first: float | None = None
        try:
            while (chunk := await arriving.get()) is not None:
                if first is None:
                    first = time.perf_counter()
                    yield self._prompt_read(request, replies, first - started)
                for event in replies.take(chunk):
                    yield event
            await streams
            if replies.unfinished():
                raise EngineError(f"{self._url} ended the answer in the middle of a reply: ask again.")
            ended = time.perf_counter()
            yield GenerateDone(
                prompt_tokens=replies.prompt_tokens or self._estimate(request),
                cached_tokens=replies.cached_tokens,
                sampled_tokens=replies.sampled_tokens,
                prompt_seconds=(first or ended) - started,
                sample_seconds=ended - (first or ended),
            )
        finally:
            streams.cancel()

    async def count_tokens(self, messages: Sequence[ChatMessage]) -> int:
        return estimate_prompt_tokens(messages)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if not texts:
            return []
        model = (await self.start()).model
        answer = await self._call(
            "POST", "/embeddings", Embeddings, {"model": model, "input": [encodable(text) for text in texts]}
        )
        if len(answer.data) != len(texts):
            raise EngineError(f"{self._url} gave {len(answer.data)} embeddings for {len(texts)} texts.")
        ordered = sorted(answer.data, key=lambda entry: entry.index)
        return [entry.unit_vector() for entry in ordered]

    async def load_adapter(self, path: Path | None, scale: float = 1.0) -> EngineInfo:  # noqa: ARG002
        if path is not None:
            raise EngineError(
                f"{self._url} cannot load adapters from here: have the server load it, or use a local model."
            )
        return await self.info()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client and self._loop is asyncio.get_running_loop():
            await client.aclose()

    async def _ask_all(
        self, request: GenerateRequest, replies: Replies, arriving: asyncio.Queue[Chunk | None]
    ) -> None:
        """Put every chunk of every reply into `arriving`: together, or in parallel what is missing then."""

        async def ask(n: int, index: int) -> None:
            async for chunk in self._stream(request, n, index):
                if n == 1:
                    for choice in chunk.choices:
                        choice.index = index
                replies.note(chunk)
                arriving.put_nowait(chunk)

        if request.n > 1 and "n" not in self._left_out:
            await ask(request.n, 0)
            if replies.missing():
                self._left_out.add("n")
        try:
            async with asyncio.TaskGroup() as group:
                for index in replies.missing():
                    group.create_task(ask(1, index))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _stream(self, request: GenerateRequest, n: int, index: int) -> AsyncIterator[Chunk]:
        path = "/completions" if request.raw_prompt is not None else "/chat/completions"
        async with self._accepted(path, request, n, index) as response:
            async for chunk in chunks(response, self._url):
                yield chunk

    @asynccontextmanager
    async def _accepted(
        self, path: str, request: GenerateRequest, n: int, index: int
    ) -> AsyncIterator[httpx.Response]:
        """The response to a request, without the optional fields that the endpoint refuses."""
        assert self._served is not None
        while True:
            fields = body(request, self._served, n=n, index=index, leave_out=self._left_out)
            try:
                async with self._http().stream("POST", self._url + path, json=fields) as response:
                    if response.is_success:
                        yield response
                        return
                    content = await response.aread()
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise unreachable(error, self._url) from None
            refused = _refused_fields(response.status_code, content, fields)
            if not refused:
                raise refusal(response.status_code, content, self._url, self._served.id)
            self._left_out |= refused

    async def _find_model(self) -> ServedModel:
        try:
            served = (await self._call("GET", "/models", ServedModels)).data
        except EngineError as error:
            # Some endpoints list no models; a missing server or a wrong key stays an error.
            if self._model and "(404" in str(error):
                return ServedModel(self._model)
            raise
        if not served:
            raise EngineError(f"{self._url} serves no model: load one there first.")
        if self._model is None:
            return served[0]
        found = next((model for model in served if model.id == self._model), None)
        if found is None:
            names = ", ".join(model.id for model in served[:8])
            raise EngineError(f"{self._url} has no model {self._model}; it serves {names}.")
        return found

    async def _call(self, method: str, path: str, kind: type[_T], fields: Any = None) -> _T:
        try:
            response = await self._http().request(method, self._url + path, json=fields)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(error, self._url) from None
        if not response.is_success:
            raise refusal(response.status_code, response.content, self._url, self._model)
        try:
            return msgspec.json.decode(response.content, type=kind)
        except msgspec.MsgspecError:
            raise EngineError(
                f"{self._url}{path} does not answer as an OpenAI-compatible endpoint does: check the URL."
            ) from None

    def _http(self) -> httpx.AsyncClient:
        """A client of the running event loop: connections do not outlive their loop."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
            self._client = httpx.AsyncClient(timeout=self._timeout, headers=headers)
            self._loop = loop
        return self._client

    def _prompt_read(self, request: GenerateRequest, replies: Replies, seconds: float) -> PromptRead:
        tokens = replies.prompt_tokens or self._estimate(request)
        return PromptRead(prompt_tokens=tokens, cached_tokens=replies.cached_tokens, seconds=seconds)

    def _estimate(self, request: GenerateRequest) -> int:
        raw = request.raw_prompt
        messages = request.messages if raw is None else (ChatMessage(role="user", content=raw),)
        return estimate_prompt_tokens(messages)


def _check(request: GenerateRequest) -> None:
    if request.options.grammar is not None:
        raise EngineError("An endpoint takes no grammar: leave it out, or use a local model.")
    if request.raw_prompt is None and not request.messages:
        raise EngineError("The request has neither messages nor a raw prompt.")


def _refused_fields(status: int, content: bytes, fields: dict[str, Any]) -> set[str]:
    """Optional fields of the request that the refusal names; without them it is worth another try."""
    if status not in (400, 422):
        return set()
    words = set(error_message(content).replace("'", " ").replace('"', " ").replace("`", " ").split())
    words = {word.strip(".,:;()[]") for word in words}
    return {name for name in OPTIONAL_FIELDS if name in fields and name in words}
