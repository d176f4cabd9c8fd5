"""Replies put together from an endpoint's chunks."""

from __future__ import annotations

from collections.abc import Iterator

from jupyter_mlagent.engine.api import GenerateEvent, GenerateRequest, ReplyDone, TextDelta
from jupyter_mlagent.engine.openai_wire import Choice, Chunk, TokenLogprob
from jupyter_mlagent.engine.reply_text import ReplyText
from jupyter_mlagent.records import Sample

_TOKEN_ID = "token_id:"  # noqa: S105 - how vLLM spells a token's id


class Reply:
    """One reply while it arrives."""

    def __init__(self, index: int, request: GenerateRequest) -> None:
        self._index = index
        self._prefill = request.prefill
        self._repeat = request.prefill
        """What may still follow if the endpoint began the reply anew in place of continuing the prefill."""
        self._held = ""
        self._text = ReplyText(request.options.stop)
        self._parts: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self.pieces = 0
        self.done = False

    @property
    def tokens(self) -> int:
        """Sampled tokens; where the endpoint gives no log-probabilities, its pieces of text."""
        return len(self._logprobs) or self.pieces

    def start(self) -> Iterator[GenerateEvent]:
        yield from self._emit(self._prefill)

    def take(self, choice: Choice) -> Iterator[GenerateEvent]:
        if self.done:
            return
        if choice.logprobs:
            self._logprobs.extend(choice.logprobs.entries())
        if choice.new_text:
            self.pieces += 1
            yield from self._emit(self._text.feed(self._beyond_prefill(choice.new_text).encode()))
        if choice.finish_reason is not None or self._text.stopped:
            yield from self._finish(choice.finish_reason or "stop")

    def _finish(self, reason: str) -> Iterator[GenerateEvent]:
        self.done = True
        if not self._text.stopped:
            held, self._held = self._held, ""
            yield from self._emit(self._text.feed(held.encode()) + self._text.finish())
        ids = tuple(
            int(entry.token.removeprefix(_TOKEN_ID))
            for entry in self._logprobs
            if entry.token.startswith(_TOKEN_ID)
        )
        sample = Sample(
            text="".join(self._parts),
            token_ids=ids if len(ids) == len(self._logprobs) else (),
            logprobs=tuple(entry.logprob or 0.0 for entry in self._logprobs),
            finish_reason="length" if reason == "length" else "stop",
        )
        yield ReplyDone(index=self._index, sample=sample)

    def _beyond_prefill(self, text: str) -> str:
        """New text, without a repetition of the prefill at its start."""
        if not self._repeat:
            return text
        self._held += text
        if self._held.startswith(self._repeat):
            text, self._held = self._held[len(self._repeat) :], ""
        elif self._repeat.startswith(self._held):
            return ""
        else:
            text, self._held = self._held, ""
        self._repeat = ""
        return text

    def _emit(self, text: str) -> Iterator[GenerateEvent]:
        if text:
            self._parts.append(text)
            yield TextDelta(index=self._index, text=text)


class Replies:
    """All replies of one request."""

    def __init__(self, request: GenerateRequest) -> None:
        self._request = request
        self._replies: dict[int, Reply] = {}
        self._begun: set[int] = set()
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self._completion_tokens = 0

    @property
    def sampled_tokens(self) -> int:
        return self._completion_tokens or sum(reply.tokens for reply in self._replies.values())

    def note(self, chunk: Chunk) -> None:
        """Remember, as soon as a chunk has arrived, which replies the endpoint has begun."""
        self._begun.update(choice.index for choice in chunk.choices)

    def missing(self) -> list[int]:
        """Replies that no chunk has begun."""
        return [index for index in range(self._request.n) if index not in self._begun]

    def unfinished(self) -> list[int]:
        """Replies that have not ended, or not even begun."""
        done = {index for index, reply in self._replies.items() if reply.done}
        return [index for index in range(self._request.n) if index not in done]

    def take(self, chunk: Chunk) -> Iterator[GenerateEvent]:
        if chunk.usage:
            self._count(chunk)
        for choice in chunk.choices:
            if not 0 <= choice.index < self._request.n:
                continue
            if choice.index not in self._replies:
                reply = self._replies[choice.index] = Reply(choice.index, self._request)
                yield from reply.start()
            yield from self._replies[choice.index].take(choice)

    def _count(self, chunk: Chunk) -> None:
        assert chunk.usage
        details = chunk.usage.prompt_tokens_details
        self.prompt_tokens = max(self.prompt_tokens, chunk.usage.prompt_tokens)
        self.cached_tokens = max(self.cached_tokens, (details and details.cached_tokens) or 0)
        self._completion_tokens += chunk.usage.completion_tokens
