"""Token ids as the engine makes them: llama.cpp's own tokenizer over the served file, without its weights.

A second tokenizer would only be equal until it is not; one token split otherwise, and what is trained is not
what is asked for later.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jupyter_mlagent.records import ChatMessage
from local_rl.policy.vocabulary import open_vocabulary


class Tokens:
    """The vocabulary and chat template of one GGUF file."""

    def __init__(self, gguf: Path) -> None:
        """Raises EngineError for a file that is no model."""
        self._model = open_vocabulary(gguf)
        self.end_of_turn = self._model.end_of_turn

    def prompt(self, messages: Sequence[ChatMessage], prefill: str = "") -> list[int]:
        """The chat template's text and the prefill, tokenized together as the engine does."""
        return self._model.tokenize(self._model.chat_template.render(messages) + prefill)

    def opening(self, text: str) -> list[int]:
        """What one reply was made to go on with (`GenerateRequest.prefills`): tokens of its own."""
        return self._model.tokenize(text) if text else []

    def reply(self, text: str, *, ended: bool = True) -> list[int]:
        """What the model writes: plain text, and the token that ends the turn."""
        tokens = self._model.tokenize(text, plain=True)
        return [*tokens, self.end_of_turn] if ended else tokens

    def text(self, tokens: Sequence[int]) -> str:
        """Control tokens stand for no text."""
        return b"".join(self._model.piece(token) for token in tokens).decode(errors="replace")
