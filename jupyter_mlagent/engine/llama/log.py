"""llama.cpp's log: to stderr, with the last error kept for messages."""

from __future__ import annotations

import sys

from jupyter_mlagent.engine.llama.model import c_api

_WARN, _ERROR, _CONTINUED = 3, 4, 5


class LlamaLog:
    """Takes over llama.cpp's log for the life of the process."""

    def __init__(self) -> None:
        self.last_error = ""
        self._level = 0
        self._callback = c_api().llama_log_callback(self._write)
        c_api().llama_log_set(self._callback, None)

    def _write(self, level: int, text: bytes, _: object) -> None:
        self._level = self._level if level == _CONTINUED else level
        if self._level not in (_WARN, _ERROR):
            return
        line = text.decode(errors="replace")
        sys.stderr.write(line)
        if self._level == _ERROR and line.strip():
            self.last_error = line.strip()
