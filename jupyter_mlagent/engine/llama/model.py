"""Weights and vocabulary: what llama.cpp calls a model."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from jupyter_mlagent.engine.llama.chat import ChatTemplate
from jupyter_mlagent.errors import EngineError


def c_api() -> Any:
    """llama.cpp's C functions and structures (the one import of llama_cpp)."""
    from llama_cpp import llama_cpp

    return llama_cpp


class Model:
    """Loaded weights with their tokenizer. Free the contexts made from it before `close`."""

    def __init__(
        self,
        path: Path,
        *,
        gpu_layers: int,
        vocabulary_only: bool = False,
        on_progress: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`vocabulary_only`: no weights, for who only tokenizes."""
        self._c = c_api()
        params = self._c.llama_model_default_params()
        params.n_gpu_layers = gpu_layers if self._c.llama_supports_gpu_offload() else 0
        params.vocab_only = vocabulary_only

        def proceed(progress: float, _: object) -> bool:
            on_progress(progress)
            return True

        callback = self._c.llama_progress_callback(proceed)
        params.progress_callback = callback
        pointer = self._c.llama_model_load_from_file(str(path).encode(), params)
        if not pointer:
            raise EngineError(f"llama.cpp cannot load {path}")
        self.pointer = pointer
        self.on_gpu = params.n_gpu_layers != 0
        self.vocab = self._c.llama_model_get_vocab(pointer)
        self.vocab_size: int = self._c.llama_vocab_n_tokens(self.vocab)
        self.embedding_size: int = self._c.llama_model_n_embd(pointer)
        self.trained_context_tokens: int = self._c.llama_model_n_ctx_train(pointer)
        self._pieces: dict[int, bytes] = {}
        self._eog: dict[int, bool] = {}

    def close(self) -> None:
        if self.pointer:
            self._c.llama_model_free(self.pointer)
            self.pointer = None

    @cached_property
    def description(self) -> str:
        buffer = ctypes.create_string_buffer(256)
        self._c.llama_model_desc(self.pointer, buffer, len(buffer))
        return buffer.value.decode(errors="replace")

    @cached_property
    def architecture(self) -> str:
        return self.metadata("general.architecture") or "unknown"

    def metadata(self, key: str) -> str | None:
        """A value of the file's header as text, None when it has no such key."""
        size = self._c.llama_model_meta_val_str(self.pointer, key.encode(), None, 0)
        if size < 0:
            return None
        buffer = ctypes.create_string_buffer(size + 1)
        self._c.llama_model_meta_val_str(self.pointer, key.encode(), buffer, len(buffer))
        return buffer.value.decode(errors="replace")

    @cached_property
    def chat_template(self) -> ChatTemplate:
        control = [
            self.token_text(token)
            for token in range(self.vocab_size)
            if self._c.llama_vocab_is_control(self.vocab, token)
        ]
        special = {
            "bos_token": self.token_text(self._c.llama_vocab_bos(self.vocab)),
            "eos_token": self.token_text(self._c.llama_vocab_eos(self.vocab)),
        }
        return ChatTemplate(self.metadata("tokenizer.chat_template"), special, control)

    @cached_property
    def fim_tokens(self) -> tuple[str, str, str] | None:
        """Texts of the fill-in-the-middle tokens (prefix, suffix, middle), None where there are none."""
        tokens = [
            find(self.vocab)
            for find in (
                self._c.llama_vocab_fim_pre,
                self._c.llama_vocab_fim_suf,
                self._c.llama_vocab_fim_mid,
            )
        ]
        if min(tokens) < 0:
            return None
        prefix, suffix, middle = (self.token_text(token) for token in tokens)
        return prefix, suffix, middle

    def tokenize(self, text: str, *, plain: bool = False) -> list[int]:
        """Token ids of a prompt; control tokens spelled out in it are parsed, none is added twice.

        `plain`: of text as a reply holds it; nothing in it is a control token, and none is added.
        """
        data = text.encode("utf-8", "replace")
        bos = self.token_text(self._c.llama_vocab_bos(self.vocab))
        add_special = not plain and not (bos and text.startswith(bos))
        capacity = len(data) + 2
        tokens = (ctypes.c_int32 * capacity)()
        count = self._c.llama_tokenize(self.vocab, data, len(data), tokens, capacity, add_special, not plain)
        if count < 0:
            raise EngineError(f"The model's tokenizer failed on a prompt of {len(data)} bytes.")
        return tokens[:count]

    @cached_property
    def end_of_turn(self) -> int:
        """The token that ends a reply. What llama.cpp calls so it may have guessed from a list of names."""
        token: int = self._c.llama_vocab_eos(self.vocab)
        return token if token >= 0 else int(self._c.llama_vocab_eot(self.vocab))

    def token_text(self, token: int) -> str:
        if token < 0:
            return ""
        text: bytes = self._c.llama_vocab_get_text(self.vocab, token) or b""
        return text.decode(errors="replace")

    def piece(self, token: int) -> bytes:
        """The bytes a sampled token stands for; control tokens stand for none."""
        if token not in self._pieces:
            buffer = ctypes.create_string_buffer(256)
            size = self._c.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, False)
            if size < 0:
                buffer = ctypes.create_string_buffer(-size)
                size = self._c.llama_token_to_piece(self.vocab, token, buffer, len(buffer), 0, False)
            self._pieces[token] = buffer.raw[: max(size, 0)]
        return self._pieces[token]

    def ends_generation(self, token: int) -> bool:
        if token not in self._eog:
            self._eog[token] = bool(self._c.llama_vocab_is_eog(self.vocab, token))
        return self._eog[token]
