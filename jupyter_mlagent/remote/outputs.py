"""What a running cell shows, gathered from the kernel's messages into nbformat's shape. Pure."""

from __future__ import annotations

from typing import Any


class Outputs:
    """Text of one stream is joined as it comes; displays are updated in place."""

    def __init__(self) -> None:
        self._shown: list[dict[str, Any]] = []
        self._pieces: list[str] | None = None
        self._displays: dict[str, dict[str, Any]] = {}
        self._clear_next = False

    @property
    def shown(self) -> tuple[dict[str, Any], ...]:
        self._join()
        return tuple(dict(output) for output in self._shown)

    def hear(self, kind: str, content: dict[str, Any]) -> None:
        """A message of the kernel; kinds that show nothing are passed over."""
        match kind:
            case "stream":
                self._print(str(content["name"]), str(content["text"]))
            case "display_data" | "execute_result":
                output: dict[str, Any] = {
                    "output_type": kind,
                    "data": dict(content["data"]),
                    "metadata": dict(content.get("metadata", {})),
                }
                if kind == "execute_result":
                    output["execution_count"] = content.get("execution_count")
                display = content.get("transient", {}).get("display_id")
                if display:
                    self._displays[display] = output
                self._add(output)
            case "update_display_data":
                known = self._displays.get(content.get("transient", {}).get("display_id", ""))
                if known is not None:
                    known.update(data=dict(content["data"]), metadata=dict(content.get("metadata", {})))
            case "error":
                names = ("ename", "evalue", "traceback")
                self._add({"output_type": "error", **{name: content.get(name, "") for name in names}})
            case "clear_output" if content.get("wait"):
                self._clear_next = True
            case "clear_output":
                self._clear()
            case _:
                pass

    def _print(self, name: str, text: str) -> None:
        if self._clear_next:
            self._clear()
        last = self._shown[-1] if self._shown else {}
        if self._pieces is None or last.get("name") != name:
            self._add({"output_type": "stream", "name": name, "text": ""})
            self._pieces = []
        # Joined when somebody looks: ten thousand additions to one text cost a second.
        self._pieces.append(text)

    def _add(self, output: dict[str, Any]) -> None:
        if self._clear_next:
            self._clear()
        self._join()
        self._pieces = None
        self._shown.append(output)

    def _join(self) -> None:
        if self._pieces:
            self._shown[-1]["text"] += "".join(self._pieces)
            self._pieces.clear()

    def _clear(self) -> None:
        self._shown, self._pieces, self._clear_next = [], None, False
