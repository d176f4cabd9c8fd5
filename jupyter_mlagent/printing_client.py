"""nbclient, made for cells that print thousands of lines while a front end draws in the same process.

Each message would become an output of its own, checked against the notebook's schema: half a millisecond a
line, and thousands of outputs for whoever looks at them.
"""

from __future__ import annotations

from typing import Any

from nbclient import NotebookClient
from nbformat import NotebookNode

_LONGEST = 1 << 16
"""Characters of an output that more is added to; adding copies it."""


class PrintingClient(NotebookClient):  # type: ignore[misc]
    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> NotebookNode | None:
        hooked = self.output_hook_stack[msg["parent_header"].get("msg_id")]
        if msg["msg_type"] != "stream" or hooked or self.clear_before_next_output:
            return super().output(outs, msg, display_id, cell_index)
        name, text = str(msg["content"].get("name", "stdout")), str(msg["content"].get("text", ""))
        last = outs[-1] if outs else None
        if last is not None and last.get("name") == name and len(last.text) < _LONGEST:
            last.text += text
            return last
        outs.append(NotebookNode(output_type="stream", name=name, text=text))
        return outs[-1]
