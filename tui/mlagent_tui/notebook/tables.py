"""Data frames as tables: read from the HTML that pandas and polars attach to an output."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

from rich.cells import cell_len, set_cell_size
from textual.content import Content

MARK = 'class="dataframe"'
WIDEST_CELL = 40
GAP = "  "
RULE = "$foreground-muted"


def is_data_frame(html: str) -> bool:
    return MARK in html[:20_000]


@dataclass
class _Grid:
    head: list[list[str]] = field(default_factory=list)
    body: list[list[str]] = field(default_factory=list)
    index_columns: int = 0
    note: str = ""


class _Reader(HTMLParser):
    """One `<table>`: rows of `<thead>` and `<tbody>`, and the `<p>` that gives the shape."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.grid = _Grid()
        self._rows = self.grid.head
        self._text: list[str] | None = None
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        match tag:
            case "tbody":
                self._rows = self.grid.body
            case "tr":
                self._rows.append([])
            case "th" | "td":
                self._text = []
                span = int(dict(attrs).get("colspan") or 1)
                if self._rows:
                    self._rows[-1] += [""] * (span - 1)
            case "p":
                self._text = []
            case "style":
                self._in_style = True
            case _:
                pass

    def handle_endtag(self, tag: str) -> None:
        text = " ".join("".join(self._text or []).split())
        match tag:
            case "th" | "td" if self._text is not None and self._rows:
                row = self._rows[-1]
                if tag == "th" and self._rows is self.grid.body:
                    self.grid.index_columns = max(self.grid.index_columns, len(row) + 1)
                row.append(text)
                self._text = None
            case "p":
                self.grid.note, self._text = text, None
            case "style":
                self._in_style = False
            case _:
                pass

    def handle_data(self, data: str) -> None:
        if self._text is not None and not self._in_style:
            self._text.append(data)


def table_content(html: str, width: int) -> Content | None:
    """The table at most `width` cells wide (middle columns give way to `…`); None when there is none."""
    reader = _Reader()
    try:
        reader.feed(html)
    except ValueError:
        return None
    grid = reader.grid
    rows = [*grid.head, *grid.body]
    if not rows or not any(rows):
        return None
    columns = max(map(len, rows))
    full = [row + [""] * (columns - len(row)) for row in rows]
    widths = [min(WIDEST_CELL, max(1, *(cell_len(row[column]) for row in full))) for column in range(columns)]
    shown = _columns_that_fit(widths, width)
    heads = len(grid.head)
    lines = [_line(row, widths, shown, number < heads, grid.index_columns) for number, row in enumerate(full)]
    rule = GAP.join("─" * (1 if column is None else widths[column]) for column in shown)
    lines.insert(heads, Content.styled(rule, RULE))
    if grid.note:
        lines.append(Content.styled(grid.note, RULE))
    return Content("\n").join(lines)


def _columns_that_fit(widths: list[int], width: int) -> list[int | None]:
    """Column numbers; None stands for the columns left out in the middle."""
    left: list[int | None] = list(range(len(widths)))

    def total() -> int:
        return sum(1 if c is None else widths[c] for c in left) + len(GAP) * (len(left) - 1)

    middle = len(left) // 2
    if total() > width and len(left) > 2:
        left[middle] = None
    while total() > width and len(left) > 3:
        at = left.index(None)
        del left[at - 1 if at >= len(left) - at else at + 1]
    return left


def _line(row: list[str], widths: list[int], shown: list[int | None], head: bool, index: int) -> Content:
    parts = []
    for column in shown:
        if column is None:
            parts.append(Content.styled("…", RULE))
            continue
        text, size = row[column], widths[column]
        if cell_len(text) > size:
            text = set_cell_size(text, size - 1).rstrip() + "…"
        padded = text.rjust(size - cell_len(text) + len(text))
        parts.append(Content.styled(padded, "bold" if head else RULE if column < index else ""))
    return Content(GAP).join(parts)
