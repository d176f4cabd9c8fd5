"""Answers the worker's commands: owns the model, its contexts, the adapter and the prefix cache."""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from jupyter_mlagent.engine.api import GenerateEvent
from jupyter_mlagent.engine.cpu import compiled_sets
from jupyter_mlagent.engine.llama.adapter import AdapterSlot
from jupyter_mlagent.engine.llama.context import Aborted, AbortFlag, Context
from jupyter_mlagent.engine.llama.embedder import Embedder
from jupyter_mlagent.engine.llama.generation import Generation
from jupyter_mlagent.engine.llama.log import LlamaLog
from jupyter_mlagent.engine.llama.model import Model, c_api
from jupyter_mlagent.engine.llama.prefix import PrefixCache
from jupyter_mlagent.engine.protocol import (
    AdapterSet,
    Cancelled,
    Command,
    CountTokens,
    Embed,
    Embedded,
    Event,
    Failed,
    Generate,
    Generated,
    Hello,
    Load,
    LoadFailed,
    Loading,
    Ready,
    SetAdapter,
    TokensCounted,
    WarmingUp,
)
from jupyter_mlagent.errors import EngineError, MlagentError

REPLIES_AT_ONCE = 32
"""Replies in one batch; more of them wait their turn."""

REPLY_CELLS = 4096
"""KV cells beyond one full context, so that a group of replies has room beside a long prompt."""

_PROGRESS_SECONDS = 0.1

Send = Callable[[Sequence[Event]], None]


class Service:
    """One model. `answer` is called from the main thread (and from a second one for CountTokens only),
    `cancel` from any."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._abort = AbortFlag()
        self._lock = threading.Lock()
        self._current: int | None = None
        self._cancelled: set[int] = set()
        self._embedder: Embedder | None = None

    def load(self, command: Load) -> bool:
        """Load the weights and prove that a decode works; False, with LoadFailed sent, when they do not."""
        self._command = command
        self._log = LlamaLog()
        self._send([Hello(pid=os.getpid(), sets=_compiled_sets())])
        try:
            self._load(command)
        except MlagentError as error:
            self._send([LoadFailed(reason=str(error))])
            return False
        return True

    def cancel(self, id: int) -> None:
        with self._lock:
            self._cancelled.add(id)
            if self._current == id:
                self._abort.set()

    def answer(self, command: Command) -> None:
        if isinstance(command, CountTokens):
            self._guarded(command.id, lambda: self._count(command))
        elif isinstance(command, Generate | Embed | SetAdapter):
            if self._begin(command.id):
                self._guarded(command.id, lambda: self._answer(command))
            self._end(command.id)

    def _load(self, command: Load) -> None:
        try:
            self._open(command, command.gpu_layers)
        except EngineError:
            if command.gpu_layers == 0 or not c_api().llama_supports_gpu_offload():
                raise
            self._open(command, 0)
        self._cache = PrefixCache(self._context, command.idle_prefix_bytes)
        self._adapter = AdapterSlot(self._model, self._context, self._log)
        self._send([WarmingUp()])
        self._warm_up()
        self._send(
            [
                Ready(
                    description=self._model.description,
                    architecture=self._model.architecture,
                    context_tokens=self._context_tokens,
                    trained_context_tokens=self._model.trained_context_tokens,
                    fim_tokens=self._model.fim_tokens,
                    on_gpu=self._model.on_gpu,
                )
            ]
        )

    def _open(self, command: Load, gpu_layers: int) -> None:
        """Weights and context; where they do not fit into a GPU's memory, the caller asks for 0 layers."""
        self._model = self._load_model(command, gpu_layers)
        try:
            self._context_tokens = min(command.context_tokens, self._model.trained_context_tokens)
            self._context = Context(
                self._model,
                cells=self._context_tokens + min(self._context_tokens, REPLY_CELLS),
                sequences=REPLIES_AT_ONCE + 1,
                threads=command.threads,
                abort=self._abort,
            )
        except EngineError as error:
            self._model.close()
            raise EngineError(f"{error} ({self._log.cause}): ask for a smaller context.") from None

    def _load_model(self, command: Load, gpu_layers: int) -> Model:
        last = 0.0

        def report(progress: float) -> None:
            nonlocal last
            if (now := time.monotonic()) - last >= _PROGRESS_SECONDS:
                last = now
                self._send([Loading(progress=progress)])

        self._log.forget()
        try:
            return Model(Path(command.path), gpu_layers=gpu_layers, on_progress=report)
        except EngineError as error:
            raise EngineError(
                f"{error} ({self._log.cause}): fetch it again, or choose another model."
            ) from None

    def _warm_up(self) -> None:
        """Decode a few tokens and one: a build that this processor cannot run dies here, not in mid-reply."""
        tokens = (self._model.tokenize("import numpy as np") * 4)[:8]
        self._context.decode(tokens, range(len(tokens)), 0, False)
        self._context.decode(tokens[:1], [len(tokens)], 0, True)
        self._context.clear()

    def _answer(self, command: Generate | Embed | SetAdapter) -> None:
        if isinstance(command, Generate):
            self._generate(command)
        elif isinstance(command, Embed):
            self._embed(command)
        else:
            try:
                self._adapter.use(Path(command.path) if command.path else None, command.scale)
            finally:
                self._cache.forget()
            self._send([AdapterSet(id=command.id)])

    def _generate(self, command: Generate) -> None:
        def emit(events: Sequence[GenerateEvent]) -> None:
            self._send([Generated(id=command.id, event=event) for event in events])

        Generation(
            command.request,
            model=self._model,
            context=self._context,
            cache=self._cache,
            context_tokens=self._context_tokens,
            emit=emit,
        ).run()

    def _embed(self, command: Embed) -> None:
        if self._embedder is None:
            self._embedder = Embedder(self._model, threads=self._command.threads, abort=self._abort)
        vectors = tuple(tuple(self._embedder.embed(text)) for text in command.texts)
        self._send([Embedded(id=command.id, vectors=vectors)])

    def _count(self, command: CountTokens) -> None:
        prompt = self._model.chat_template.render(command.messages)
        self._send([TokensCounted(id=command.id, tokens=len(self._model.tokenize(prompt)))])

    def _guarded(self, id: int, work: Callable[[], None]) -> None:
        try:
            work()
        except Aborted:
            self._send([Cancelled(id=id)])
        except EngineError as error:
            self._send([Failed(id=id, reason=str(error))])
        except Exception as error:
            traceback.print_exc()
            reason = f"The model worker failed ({type(error).__name__}: {error}); ask again."
            self._send([Failed(id=id, reason=reason)])

    def _begin(self, id: int) -> bool:
        with self._lock:
            if id in self._cancelled:
                self._send([Cancelled(id=id)])
                return False
            self._current = id
            return True

    def _end(self, id: int) -> None:
        with self._lock:
            self._current = None
            # Ids grow and are served in order: a cancel that came too late is of no more use.
            self._cancelled = {later for later in self._cancelled if later > id}
            self._abort.clear()


def _compiled_sets() -> tuple[str, ...]:
    return tuple(sorted(compiled_sets(c_api().llama_print_system_info().decode())))
