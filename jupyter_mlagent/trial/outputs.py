"""A trial's outputs as a notebook would hold them: streams joined, displays updated in place or cleared."""

from __future__ import annotations

from typing import Any

Output = dict[str, Any]


class OutputList:
    """Takes outputs one by one as the supervisor passes them on."""

    def __init__(self) -> None:
        self._outputs: list[Output] = []
        self._ids: list[str | None] = []
        self._clear_next = False

    def add(self, output: Output) -> Output | None:
        """Take in one output; returns it in nbformat's shape when it adds something to what is shown."""
        kind = output["output_type"]
        if kind == "clear_output":
            self._clear_next = bool(output["wait"])
            if not self._clear_next:
                self._clear()
            return None
        shown = {key: value for key, value in output.items() if key != "display_id"}
        display_id = output.get("display_id")
        if kind == "update_display_data":
            self._update(display_id, shown)
            return None
        if self._clear_next:
            self._clear()
            self._clear_next = False
        if kind == "stream" and self._continues(shown):
            self._outputs[-1] = {**self._outputs[-1], "text": self._outputs[-1]["text"] + shown["text"]}
        else:
            self._outputs.append(shown)
            self._ids.append(display_id)
            self._update(display_id, shown)
        return shown

    def all(self) -> tuple[Output, ...]:
        return tuple(self._outputs)

    def _continues(self, output: Output) -> bool:
        last = self._outputs[-1] if self._outputs else {}
        return last.get("output_type") == "stream" and last["name"] == output["name"]

    def _update(self, display_id: str | None, shown: Output) -> None:
        for index, known in enumerate(self._ids):
            if display_id is not None and known == display_id:
                change = {"data": shown["data"], "metadata": shown["metadata"]}
                self._outputs[index] = {**self._outputs[index], **change}

    def _clear(self) -> None:
        self._outputs, self._ids = [], []
