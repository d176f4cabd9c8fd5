"""Tokens of a text when no tokenizer is at hand: rather too many than too few."""

from __future__ import annotations

import re
from collections.abc import Sequence

from jupyter_mlagent.records import ChatMessage

TOKENS_PER_MESSAGE = 8
"""What chat templates put around one message, with room to spare."""

TOKENS_PER_PROMPT = 32
"""What they put around all of them: a default system message, the start of the reply."""

_PIECES = re.compile(r"(?P<letters>[A-Za-z]+)|(?P<spaces> +)|(?P<other>.)", re.DOTALL)


def estimate_tokens(text: str) -> int:
    """Vocabularies split digits and punctuation into single tokens at worst, keep letters in twos or
    more, and fall back to bytes for rare characters. About twice the true count for code."""
    total = 0
    for piece in _PIECES.finditer(text):
        if piece.lastgroup == "letters":
            total += (len(piece[0]) + 1) // 2
        elif piece.lastgroup == "spaces":
            total += 1 + len(piece[0]) // 8
        else:
            total += len(piece[0].encode("utf-8", "replace"))
    return total


def estimate_prompt_tokens(messages: Sequence[ChatMessage]) -> int:
    return TOKENS_PER_PROMPT + sum(
        TOKENS_PER_MESSAGE + estimate_tokens(message.content) for message in messages
    )
