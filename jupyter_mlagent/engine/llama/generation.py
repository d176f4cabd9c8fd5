"""Drawing n replies to one prompt, in one batch over its shared prefix."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from jupyter_mlagent.engine.api import (
    GenerateDone,
    GenerateEvent,
    GenerateRequest,
    PromptRead,
    ReplyDone,
    TextDelta,
)
from jupyter_mlagent.engine.llama.context import PROMPT_CHUNK, Context
from jupyter_mlagent.engine.llama.model import Model
from jupyter_mlagent.engine.llama.prefix import PrefixCache, chunks
from jupyter_mlagent.engine.llama.sampler import Sampler, log_probabilities, reply_seed
from jupyter_mlagent.engine.reply_text import ReplyText
from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.records import Sample

MOST_REPLIES = 128
"""Each takes a few megabytes for sampling from the first token on."""
_BUNDLE_SECONDS = 0.1

Emit = Callable[[Sequence[GenerateEvent]], None]


class Bundled:
    """Hands events on a few times a second rather than with each token.

    Reading an event wakes the other side, on a CPU that one of llama.cpp's threads computes on, for which
    all the others then wait: about 1% of the speed for every 25 bundles a second on 2 cores.
    """

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._events: list[GenerateEvent] = []
        self._next = 0.0

    def __call__(self, events: Sequence[GenerateEvent]) -> None:
        """Take events; the first ones, those after a pause and ends of replies go on at once."""
        self._events += events
        if time.monotonic() >= self._next or any(isinstance(event, ReplyDone) for event in events):
            self.flush()

    def flush(self) -> None:
        if self._events:
            self._emit(self._events)
            self._events = []
            self._next = time.monotonic() + _BUNDLE_SECONDS


@dataclass
class Reply:
    """One reply while it is drawn; its tokens live in a KV sequence of its own."""

    index: int
    sequence: int
    sampler: Sampler
    text: ReplyText
    parts: list[str]
    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    given_count: int = 0
    """Its first tokens that are a prefill of its own, not drawn."""
    finish_reason: str = ""

    def sample(self) -> Sample:
        return Sample(
            text="".join(self.parts),
            token_ids=tuple(self.tokens[self.given_count :]),
            logprobs=tuple(self.logprobs[self.given_count :]),
            finish_reason=self.finish_reason,
        )


class Generation:
    """One request under way. `run` raises Aborted when the context's abort flag is set.

    Replies start together; where the KV cells do not hold all of them at full length, the rest wait until
    one has ended.
    """

    def __init__(
        self,
        request: GenerateRequest,
        *,
        model: Model,
        context: Context,
        cache: PrefixCache,
        context_tokens: int,
        emit: Emit,
    ) -> None:
        self._request = request
        self._model = model
        self._context = context
        self._cache = cache
        self._emit = Bundled(emit)
        self._prompt = self._tokenize()
        self._room_for(context_tokens)
        self._replies: list[Reply] = []

    def run(self) -> None:
        try:
            started = time.perf_counter()
            cached = self._read_prompt()
            read = time.perf_counter()
            self._emit([self._prompt_read(cached, read - started)])
            self._start_replies()
            self._emit.flush()
            self._sample_replies()
            self._emit([self._done(cached, read - started, time.perf_counter() - read)])
            self._emit.flush()
        finally:
            self._clean_up()

    def _tokenize(self) -> list[int]:
        request = self._request
        if request.raw_prompt is None and not request.messages:
            raise EngineError("The request has neither messages nor a raw prompt.")
        prompt = request.raw_prompt
        if prompt is None:
            prompt = self._model.chat_template.render(request.messages)
        tokens = self._model.tokenize(prompt + request.prefill)
        if not tokens:
            raise EngineError("The prompt is empty.")
        return tokens

    def _room_for(self, context_tokens: int) -> None:
        prompt, reply = len(self._prompt), self._request.options.max_tokens
        if reply < 1 or not 1 <= self._request.n <= MOST_REPLIES:
            raise EngineError(
                f"A request asks for 1 to {MOST_REPLIES} replies of at least one token, "
                f"not n={self._request.n} and max_tokens={reply}."
            )
        if self._request.prefills and len(self._request.prefills) != self._request.n:
            raise EngineError("A request gives as many prefills as it asks for replies, or none.")
        if prompt + reply > context_tokens:
            raise EngineError(
                f"The prompt's {prompt:,} tokens and a reply of up to {reply:,} do not fit into the context "
                f"of {context_tokens:,}: shorten the prompt or lower max_tokens."
            )

    def _read_prompt(self) -> int:
        cached = self._cache.enter(self._request.cache_key, self._prompt)
        end = len(self._prompt)
        for positions in chunks(cached, end, PROMPT_CHUNK):
            tokens = self._prompt[positions.start : positions.stop]
            outputs = [position == end - 1 for position in positions]
            self._context.decode(tokens, positions, 0, outputs)
            self._cache.extend(tokens)
        return cached

    def _start_replies(self) -> None:
        """Give every reply its prefill, or draw its first token from the prompt's last logits."""
        options, prefill = self._request.options, self._request.prefill
        seed = secrets.randbits(63) if options.seed is None else options.seed
        logits = self._context.logits(1)
        events: list[GenerateEvent] = []
        for index in range(self._request.n):
            sampler = Sampler(self._model, options, reply_seed(seed, index))
            reply = Reply(index, 0, sampler, ReplyText(options.stop), [prefill] if prefill else [])
            self._replies.append(reply)
            if prefill:
                events.append(TextDelta(index=index, text=prefill))
            given = self._model.tokenize(self._request.prefills[index]) if self._request.prefills else []
            reply.given_count = len(given)
            for token in given:
                if not reply.finish_reason:
                    events.extend(self._take(reply, token, 0.0))
            if not given:
                token = sampler.sample(self._context, -1)
                logprob = float(log_probabilities(logits, np.array([token]))[0])
                events.extend(self._take(reply, token, logprob))
        self._emit(events)

    def _sample_replies(self) -> None:
        waiting = deque(reply for reply in self._replies if not reply.finish_reason)
        free = list(range(self._context.sequences - 1, 0, -1))
        active: list[Reply] = []
        while active or waiting:
            begun = len(active)
            while waiting and free and self._fits(active) and not self._leading(active):
                reply = waiting.popleft()
                reply.sequence = free.pop()
                self._context.copy_sequence(0, reply.sequence)
                active.append(reply)
            self._read_given(active[begun:])
            self._emit(self._step(active))
            for reply in active:
                if reply.finish_reason:
                    self._context.cut_sequence(reply.sequence)
                    free.append(reply.sequence)
            active = [reply for reply in active if not reply.finish_reason]

    def _leading(self, active: Sequence[Reply]) -> bool:
        """Whether the first reply is to be finished before another begins."""
        return self._request.lead and any(reply.index == 0 for reply in active)

    def _fits(self, active: Sequence[Reply]) -> bool:
        """Whether one more reply can reach its full length beside those under way."""
        length = self._request.options.max_tokens
        return len(self._prompt) + (len(active) + 1) * length <= self._context.cells

    def _read_given(self, replies: Sequence[Reply]) -> None:
        """Evaluate prefills as prompts are: all but the last token, which the next step evaluates."""
        base = len(self._prompt)
        rows = [
            (token, base + offset, reply.sequence)
            for reply in replies
            for offset, token in enumerate(reply.tokens[:-1])
        ]
        for start in range(0, len(rows), PROMPT_CHUNK):
            tokens, positions, sequences = zip(*rows[start : start + PROMPT_CHUNK], strict=True)
            self._context.decode(tokens, positions, sequences, False)

    def _step(self, active: Sequence[Reply]) -> list[GenerateEvent]:
        """One token for each active reply."""
        base = len(self._prompt) - 1
        self._context.decode(
            [reply.tokens[-1] for reply in active],
            [base + len(reply.tokens) for reply in active],
            [reply.sequence for reply in active],
            True,
        )
        tokens = [reply.sampler.sample(self._context, row) for row, reply in enumerate(active)]
        logprobs = log_probabilities(self._context.logits(len(active)), np.array(tokens))
        events: list[GenerateEvent] = []
        for reply, token, logprob in zip(active, tokens, logprobs.tolist(), strict=True):
            events.extend(self._take(reply, token, logprob))
        return events

    def _take(self, reply: Reply, token: int, logprob: float) -> Iterator[GenerateEvent]:
        """Add a token to its reply."""
        reply.tokens.append(token)
        reply.logprobs.append(logprob)
        if self._model.ends_generation(token):
            reply.finish_reason = "stop"
            text = reply.text.finish()
        else:
            text = reply.text.feed(self._model.piece(token))
            if reply.text.stopped:
                reply.finish_reason = "stop"
            elif len(reply.tokens) == self._request.options.max_tokens:
                reply.finish_reason = "length"
                text += reply.text.finish()
        if text:
            reply.parts.append(text)
            yield TextDelta(index=reply.index, text=text)
        if reply.finish_reason:
            yield ReplyDone(index=reply.index, sample=reply.sample())

    def _clean_up(self) -> None:
        for reply in self._replies:
            reply.sampler.close()
            if reply.sequence:
                self._context.cut_sequence(reply.sequence)
        self._cache.settle()

    def _prompt_read(self, cached: int, seconds: float) -> PromptRead:
        return PromptRead(prompt_tokens=len(self._prompt), cached_tokens=cached, seconds=seconds)

    def _done(self, cached: int, prompt_seconds: float, sample_seconds: float) -> GenerateDone:
        return GenerateDone(
            prompt_tokens=len(self._prompt),
            cached_tokens=cached,
            sampled_tokens=sum(len(reply.tokens) for reply in self._replies),
            prompt_seconds=prompt_seconds,
            sample_seconds=sample_seconds,
        )
