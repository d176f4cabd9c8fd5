"""A request in the words of an OpenAI-compatible endpoint."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from jupyter_mlagent.engine.api import GenerateRequest
from jupyter_mlagent.engine.openai_wire import ServedModel

OPTIONAL_FIELDS = frozenset(
    {
        "n",
        "seed",
        "top_k",
        "min_p",
        "top_p",
        "logprobs",
        "stream_options",
        "return_tokens_as_token_ids",
        "continue_final_message",
        "add_generation_prompt",
    }
)
"""Fields that some endpoints refuse and a request can do without."""


def body(
    request: GenerateRequest, model: ServedModel, *, n: int, index: int, leave_out: Set[str]
) -> dict[str, Any]:
    """The JSON body that asks for `n` replies, the first of them being reply `index` of the request."""
    options = request.options
    fields: dict[str, Any] = {
        "model": model.id,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": options.max_tokens,
        "temperature": options.temperature,
        "top_p": options.top_p,
        "top_k": options.top_k,
    }
    if n > 1:
        fields["n"] = n
    if options.seed is not None:
        fields["seed"] = (options.seed + index) % (1 << 31)
    if options.min_p > 0:
        fields["min_p"] = options.min_p
    if options.stop:
        fields["stop"] = list(options.stop[:4])
    if request.raw_prompt is not None:
        fields |= {"prompt": request.raw_prompt + request.prefill, "logprobs": 1}
    else:
        fields |= {"messages": _messages(request), "logprobs": True}
    if model.owned_by == "vllm":
        fields["return_tokens_as_token_ids"] = True
        if request.prefill and request.raw_prompt is None:
            fields |= {"continue_final_message": True, "add_generation_prompt": False}
    return {name: value for name, value in fields.items() if name not in leave_out}


def _messages(request: GenerateRequest) -> list[dict[str, str]]:
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    if request.prefill:
        # llama-server continues a last message of the assistant's; others may start over (see Replies).
        messages.append({"role": "assistant", "content": request.prefill})
    return messages
