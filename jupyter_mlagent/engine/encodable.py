"""Texts that can leave the process: notebooks may hold lone surrogates, which UTF-8 cannot encode."""

from __future__ import annotations

import msgspec

from jupyter_mlagent.engine.api import GenerateRequest
from jupyter_mlagent.records import ChatMessage


def encodable(text: str) -> str:
    """`text` with lone surrogates replaced by question marks."""
    return text.encode("utf-8", "replace").decode()


def encodable_message(message: ChatMessage) -> ChatMessage:
    return ChatMessage(role=encodable(message.role), content=encodable(message.content))


def encodable_request(request: GenerateRequest) -> GenerateRequest:
    raw = request.raw_prompt
    return msgspec.structs.replace(
        request,
        messages=tuple(encodable_message(message) for message in request.messages),
        raw_prompt=None if raw is None else encodable(raw),
        prefill=encodable(request.prefill),
        cache_key=encodable(request.cache_key),
    )
