"""What a trial says it printed and displayed, checked and bounded before anybody believes it.

The trial's process is untrusted: its messages are taken apart and only known fields of the right type, in
nbformat's shape, are put together again.
"""

from __future__ import annotations

import json
from typing import Any

Output = dict[str, Any]

STREAMS = ("stdout", "stderr")
TRUNCATED = "[Output cut here: it is larger than a trial's limit of {limit} bytes.]\n"
_MAX_MIME_TYPES = 32
_MAX_TRACEBACK_LINES = 500


class OutputBudget:
    """Lets outputs through until `limit` bytes of JSON have passed, then one note, then nothing."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit
        self._noted = False

    def admit(self, output: Output) -> list[Output]:
        """What to pass on in place of `output`: itself, a shortened part of it with a note, or nothing.

        Errors always pass (shortened): they say why a trial failed.
        """
        size = len(json.dumps(output))
        if size <= self._left:
            self._left -= size
            return [output]
        if output["output_type"] == "error":
            return [_shorten_error(output)]
        part = output["text"][: self._left] if output["output_type"] == "stream" else ""
        beginning = [stream(output["name"], part + "\n")] if part and not self._noted else []
        return beginning + self.cut()

    def cut(self) -> list[Output]:
        """Let nothing more through; the note that says so, the first time."""
        self._left = 0
        if self._noted:
            return []
        self._noted = True
        return [stream("stderr", TRUNCATED.format(limit=self._limit))]


def _shorten_error(output: Output) -> Output:
    return {**output, "evalue": output["evalue"][:2000], "traceback": output["traceback"][-20:]}


def stream(name: str, text: str) -> Output:
    return {"output_type": "stream", "name": name, "text": text}


def clean(message: object) -> Output | None:
    """An output in nbformat's shape made from what a trial sent; None when it is nothing of the kind.

    Besides nbformat's own types, `update_display_data` (with `display_id`) and `clear_output` (with `wait`).
    """
    if not isinstance(message, dict):
        return None
    kind = message.get("output_type")
    if kind == "stream":
        name = message.get("name")
        return stream(name, text_of(message.get("text"))) if name in STREAMS else None
    if kind == "error":
        return error(message.get("ename"), message.get("evalue"), message.get("traceback"))
    if kind == "clear_output":
        return {"output_type": kind, "wait": message.get("wait") is True}
    if kind in ("display_data", "execute_result", "update_display_data"):
        return _rich(kind, message)
    return None


def error(name: object, value: object, traceback: object) -> Output:
    lines = traceback if isinstance(traceback, list) else []
    return {
        "output_type": "error",
        "ename": text_of(name)[:200],
        "evalue": text_of(value)[:100_000],
        "traceback": [text_of(line) for line in lines[:_MAX_TRACEBACK_LINES]],
    }


def text_of(value: object) -> str:
    """A string that can be encoded: lone surrogates become question marks, anything but a string nothing."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _rich(kind: str, message: Output) -> Output | None:
    data = message.get("data")
    if not isinstance(data, dict) or not data:
        return None
    bundle = {}
    for mime, content in list(data.items())[:_MAX_MIME_TYPES]:
        bundle[text_of(mime)] = _content(mime, content)
    metadata = message.get("metadata")
    output: Output = {
        "output_type": kind,
        "data": bundle,
        "metadata": _encodable(metadata) if isinstance(metadata, dict) else {},
    }
    if kind == "execute_result":
        count = message.get("execution_count")
        output["execution_count"] = count if isinstance(count, int) and not isinstance(count, bool) else None
    display_id = message.get("display_id")
    if isinstance(display_id, str):
        output["display_id"] = text_of(display_id)
    return output


def _content(mime: str, content: object) -> Any:
    """nbformat wants text for every type but JSON ones."""
    if isinstance(content, str):
        return text_of(content)
    if mime == "application/json" or mime.endswith("+json"):
        return _encodable(content)
    return text_of(json.dumps(content))


def _encodable(value: object) -> Any:
    """JSON without NaN and lone surrogates, which strict encoders refuse."""
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, dict):
        return {text_of(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_encodable(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value
