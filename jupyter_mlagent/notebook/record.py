"""Cells of a notebook node as records, with outputs clipped to what a prompt or a journal can use.

The node keeps everything; a record keeps text (head and tail of long text), not images, widgets and HTML.
"""

from __future__ import annotations

from typing import Any

from jupyter_mlagent.records import Cell

TEXT_CHARACTERS = 8_000
"""Of one text, head and tail together."""
NOTE_CHARACTERS = 60
"""Room within it for saying how much was left out, so that clipping twice is clipping once."""
OUTPUTS_PER_CELL = 40
TEXT_MIMES = ("text/plain", "text/markdown", "text/latex")
"""What an output is read as, best first."""


def cell_record(cell: Any) -> Cell:
    """One cell of an nbformat node."""
    outputs = cell.get("outputs", []) if cell["cell_type"] == "code" else []
    return Cell(
        id=cell["id"],
        kind=cell["cell_type"],
        source=encodable(cell["source"]),
        outputs=clip_outputs(outputs),
        execution_count=cell.get("execution_count"),
    )


def clip_outputs(outputs: Any) -> tuple[dict[str, Any], ...]:
    """Outputs in nbformat's shape, without what only a screen can use; the originals stay as they are."""
    outputs = list(outputs)
    if len(outputs) > OUTPUTS_PER_CELL:
        head, tail = outputs[: OUTPUTS_PER_CELL // 2], outputs[1 - OUTPUTS_PER_CELL // 2 :]
        left_out = len(outputs) - len(head) - len(tail)
        note = {"output_type": "stream", "name": "stdout", "text": f"[{left_out} outputs left out]\n"}
        outputs = [*head, note, *tail]
    return tuple(_clip_output(output) for output in outputs)


def _clip_output(output: Any) -> dict[str, Any]:
    kind = encodable(str(output.get("output_type", "")))
    match kind:
        case "stream":
            name = encodable(str(output.get("name", "stdout")))
            return {"output_type": kind, "name": name, "text": clip_text(_joined(output.get("text", "")))}
        case "display_data" | "execute_result":
            clipped = {"output_type": kind, "metadata": {}, "data": _clip_data(output.get("data", {}))}
            if kind == "execute_result":
                clipped["execution_count"] = output.get("execution_count")
            return clipped
        case "error":
            lines = output.get("traceback", [])
            return {
                "output_type": kind,
                "ename": clip_text(str(output.get("ename", ""))),
                "evalue": clip_text(str(output.get("evalue", ""))),
                "traceback": clip_text(_joined(lines, "\n")).split("\n") if lines else [],
            }
        case _:
            return {"output_type": kind}


def _clip_data(data: Any) -> dict[str, Any]:
    for mime in TEXT_MIMES:
        if mime in data and _is_text(data[mime]):
            return {mime: clip_text(_joined(data[mime]))}
    named = ", ".join(sorted(str(mime) for mime in data)) or "nothing"
    return {"text/plain": clip_text(f"[{named}]")}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(line, str) for line in value)
    )


def _joined(text: Any, separator: str = "") -> str:
    return separator.join(map(str, text)) if isinstance(text, list | tuple) else str(text)


def clip_text(text: str, limit: int = TEXT_CHARACTERS) -> str:
    """Head and tail of a long text with a line between that says how much is missing."""
    if len(text) <= limit:
        return encodable(text)
    half = (limit - NOTE_CHARACTERS) // 2
    left_out = f"\n[{len(text) - 2 * half} characters left out]\n"
    return encodable(text[:half]) + left_out + encodable(text[-half:])


def encodable(text: str) -> str:
    """The text with half characters (lone surrogates, which JSON files may hold) replaced by `?`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text
