"""Shorten texts for a prompt: head and tail stay, the middle goes; nothing binary gets in."""

from __future__ import annotations

import re

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_DATA_URI = re.compile(r"data:[\w.+-]+/[\w.+-]+;base64,[A-Za-z0-9+/=\s]{16,}")
_BLOB = re.compile(r"[A-Za-z0-9+/=_-]{200,}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def printable(text: str) -> str:
    """The text without colours, control characters, data URIs and base64 runs; `\\r` rewrites its line."""
    text = _ANSI.sub("", text)
    text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    text = _BLOB.sub("<...>", _DATA_URI.sub("<data>", text))
    return _CONTROL.sub("", text).encode("utf-8", "replace").decode()


def clip_line(line: str, limit: int) -> str:
    """At most `limit` characters, the middle replaced."""
    if len(line) <= limit:
        return line
    if limit < 8:
        return line[:limit]
    tail = (limit - 5) // 3
    return f"{line[: limit - 5 - tail]} ... {line[len(line) - tail :]}"


def clip_lines(text: str, head: int, tail: int, width: int) -> str:
    """The first `head` and last `tail` lines, each at most `width` characters."""
    lines = [clip_line(line.rstrip(), width) for line in text.strip("\n").split("\n")]
    if len(lines) <= head + tail + 1:
        return "\n".join(lines)
    left_out = len(lines) - head - tail
    return "\n".join([*lines[:head], f"... ({left_out} lines left out)", *(lines[-tail:] if tail else [])])


def one_line(text: str, limit: int) -> str:
    return clip_line(" ".join(text.split()), limit)
