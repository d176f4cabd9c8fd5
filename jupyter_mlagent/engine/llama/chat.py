"""The model's own chat template, as its GGUF file carries it (a Jinja template)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.records import ChatMessage

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""For files without a template of their own."""


class ChatTemplate:
    """Renders messages to a prompt.

    llama.cpp's `llama_chat_apply_template` only recognises a list of known templates and skips what they
    add (Qwen's default system message, for one), so the template itself is rendered, in Jinja's sandbox
    since it comes with the file.
    """

    def __init__(self, source: str | None, special: dict[str, str], control_texts: Sequence[str]) -> None:
        self._source = source or CHATML
        self._special = special
        self._control_texts = tuple(text for text in control_texts if len(text) > 2)

    def render(self, messages: Sequence[ChatMessage]) -> str:
        """The prompt up to where the assistant's reply starts; raises EngineError for what it refuses."""
        plain: list[dict[str, Any]] = [
            {"role": message.role, "content": self._disarm(message.content)} for message in messages
        ]
        try:
            prompt: str = self._template.render(messages=plain, add_generation_prompt=True, **self._special)
            return prompt
        except EngineError:
            raise
        except Exception as error:
            raise EngineError(f"The model's chat template cannot render these messages: {error}.") from error

    @cached_property
    def _template(self) -> Any:
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )
        environment.globals.update(
            raise_exception=_refuse, strftime_now=lambda form: datetime.now().strftime(form)
        )
        return environment.from_string(self._source)

    def _disarm(self, content: str) -> str:
        """Breaks up control tokens spelled out in a message, which would otherwise end or forge a turn."""
        for text in self._control_texts:
            if text in content:
                content = content.replace(text, f"{text[0]}\u200b{text[1:]}")
        return content


def _refuse(message: str) -> None:
    raise EngineError(f"The model's chat template refuses these messages: {message}.")
