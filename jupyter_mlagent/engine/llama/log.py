"""llama.cpp's log: warnings and errors to stderr, the first error of a failure kept for its message."""

from __future__ import annotations

import re
import sys

from jupyter_mlagent.engine.llama.model import c_api

_WARN, _ERROR, _CONTINUED = 3, 4, 5
_HARMLESS = re.compile(r"control-looking token")
"""What llama.cpp says of every Qwen vocabulary, and mends itself."""


class LlamaLog:
    """Takes over llama.cpp's log for the life of the process."""

    def __init__(self) -> None:
        self._first_error = ""
        self._level = 0
        self._callback = c_api().llama_log_callback(self._write)
        c_api().llama_log_set(self._callback, None)

    def forget(self) -> None:
        """Start anew, before something that may fail."""
        self._first_error = ""

    @property
    def cause(self) -> str:
        """What llama.cpp gave as the reason since `forget`: its first error, as later ones follow from it."""
        return re.sub(r"^\w+: ", "", self._first_error or "it does not say why")

    def _write(self, level: int, text: bytes, _: object) -> None:
        self._level = self._level if level == _CONTINUED else level
        if self._level not in (_WARN, _ERROR):
            return
        line = text.decode(errors="replace")
        if self._level == _WARN and _HARMLESS.search(line):
            return
        sys.stderr.write(line)
        if self._level == _ERROR and not self._first_error:
            self._first_error = line.strip()
