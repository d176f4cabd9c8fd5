"""What an OpenAI-compatible endpoint sends: server-sent events, chunks, errors, its list of models."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec

from jupyter_mlagent.errors import EngineError


class Delta(msgspec.Struct):
    content: str | None = None


class TokenLogprob(msgspec.Struct):
    token: str = ""
    logprob: float | None = None


class Logprobs(msgspec.Struct):
    """Chat endpoints fill `content`, completion endpoints the two lists."""

    content: list[TokenLogprob] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None

    def entries(self) -> list[TokenLogprob]:
        if self.content is not None:
            return self.content
        pairs = zip(self.tokens or [], self.token_logprobs or [], strict=False)
        return [TokenLogprob(token, logprob) for token, logprob in pairs]


class Choice(msgspec.Struct):
    index: int = 0
    delta: Delta | None = None
    message: Delta | None = None
    text: str | None = None
    logprobs: Logprobs | None = None
    finish_reason: str | None = None

    @property
    def new_text(self) -> str:
        part = self.delta or self.message
        return (part.content if part else self.text) or ""


class CachedTokens(msgspec.Struct):
    cached_tokens: int | None = None


class Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: CachedTokens | None = None


class Chunk(msgspec.Struct):
    choices: list[Choice] = []
    usage: Usage | None = None
    error: Any = None


class ServedModel(msgspec.Struct):
    id: str
    owned_by: str = ""
    max_model_len: int | None = None
    """vLLM's; other servers do not say."""


class ServedModels(msgspec.Struct):
    data: list[ServedModel]


class Embedding(msgspec.Struct):
    embedding: list[float | list[float]]
    """One vector, or one for every token from servers that do not pool (llama-cpp-python's)."""
    index: int = 0

    def unit_vector(self) -> list[float]:
        """The vector, or the mean of the tokens', at unit length."""
        import numpy as np

        vector = np.atleast_2d(np.array(self.embedding, np.float64)).mean(axis=0)
        result: list[float] = (vector / (np.linalg.norm(vector) or 1.0)).tolist()
        return result


class Embeddings(msgspec.Struct):
    data: list[Embedding]


_chunks = msgspec.json.Decoder(Chunk)


async def chunks(response: httpx.Response, url: str) -> AsyncIterator[Chunk]:
    """The chunks of a streamed answer; a server that does not stream yields its whole answer as one.

    Raises EngineError for what is no chunk, for an error sent in mid-stream and for a stream without end.
    """
    if "text/event-stream" not in response.headers.get("content-type", "text/event-stream"):
        yield _chunk(await response.aread(), url)
        return
    async for line in response.aiter_lines():
        field, _, value = line.partition(":")
        if field != "data":
            continue  # Empty lines, comments that keep the connection alive, event names.
        if value.strip() == "[DONE]":
            return
        yield _chunk(value.strip().encode(), url)


def _chunk(data: bytes, url: str) -> Chunk:
    try:
        chunk = _chunks.decode(data)
    except msgspec.MsgspecError:
        raise EngineError(
            f"{url} answers with what is no chat completion ({_short(data.decode(errors='replace'))}): "
            f"check that the URL is that of an OpenAI-compatible endpoint."
        ) from None
    if chunk.error is not None:
        raise EngineError(f"{url} reports: {_short(error_message(chunk.error))}")
    return chunk


def error_message(error: Any) -> str:
    """The words in an error body, whose shape differs from server to server."""
    if isinstance(error, bytes):
        try:
            return error_message(json.loads(error))
        except ValueError:
            return error.decode(errors="replace")
    if isinstance(error, dict):
        inner = next((error[key] for key in ("error", "message", "detail") if error.get(key)), None)
        return json.dumps(error) if inner is None else error_message(inner)
    return str(error)


def refusal(status: int, body: bytes, url: str, model: str | None) -> EngineError:
    """The sentence for a status that is no success."""
    message = _short(error_message(body))
    if status in (401, 403):
        return EngineError(f"{url} refuses the API key ({status}): set OPENAI_API_KEY to a valid one.")
    if status == 404:
        asked = f"has no model {model}, or no such endpoint" if model else "is no OpenAI-compatible endpoint"
        return EngineError(f"{url} {asked} (404: {message}): check the URL and the model's name.")
    if status == 429:
        return EngineError(f"{url} takes no more requests now (429: {message}): wait, or raise the quota.")
    if status >= 500:
        return EngineError(f"{url} failed ({status}: {message}): look at the server's log, then ask again.")
    return EngineError(f"{url} refuses the request ({status}: {message}).")


def unreachable(error: httpx.HTTPError | httpx.InvalidURL, url: str) -> EngineError:
    """The sentence for an answer that did not come, or not to its end."""
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.InvalidURL):
        return EngineError(f"{url} cannot be reached: check that the server runs and the URL is right.")
    if isinstance(error, httpx.TimeoutException):
        return EngineError(f"{url} did not answer in time: the server is overloaded or stuck; ask again.")
    return EngineError(f"The connection to {url} broke off in mid-answer ({error or type(error).__name__}).")


def _short(message: str) -> str:
    words = " ".join(message.split())
    return words if len(words) <= 200 else words[:200] + "..."
