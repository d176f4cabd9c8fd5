"""Markdown cells as styled text: what a notebook uses of CommonMark, tables included, nothing interactive."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content
from textual.highlight import highlight

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

HEADINGS = {
    "h1": "bold $text-primary",
    "h2": "bold $text-accent",
    "h3": "bold $text-secondary",
}
OTHER_HEADING = "bold"
INLINE = {"strong": "bold", "em": "italic", "s": "strike", "link": "underline $text-primary"}
CODE = "$text-warning on $boost"
QUIET = "$foreground-muted"


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def markdown_content(source: str) -> Content:
    """The whole cell; blocks are parted by an empty line, as in the source."""
    blocks = _blocks(_parser().parse(source))
    return Content("\n").join(blocks) if blocks else Content.styled("(empty)", QUIET)


def _blocks(tokens: Sequence[Token]) -> list[Content]:
    out: list[Content] = []
    prefix: list[tuple[str, str]] = []
    """Of every open list or quote: text before a block's first line, and before its others."""
    heading = ""
    table: list[list[Content]] | None = None
    for token in tokens:
        match token.type:
            case "heading_open":
                heading = token.tag
            case "heading_close":
                heading = ""
            case "blockquote_open":
                prefix.append(("▎ ", "▎ "))
            case "list_item_open":
                marker = f"{token.info}. " if token.info else "• "
                prefix.append((marker, " " * len(marker)))
            case "blockquote_close" | "list_item_close":
                prefix.pop()
                if token.level == 0 or token.type == "blockquote_close":
                    out.append(Content(""))
            case "bullet_list_close" | "ordered_list_close" if token.level == 0:
                out.append(Content(""))
            case "table_open":
                table = []
            case "tr_open" if table is not None:
                table.append([])
            case "table_close" if table is not None:
                out += [*_table(table), Content("")]
                table = None
            case "inline" if table is not None:
                table[-1].append(_inline(token.children or []))
            case "inline":
                text = _inline(token.children or [])
                if heading:
                    text = text.stylize(HEADINGS.get(heading, OTHER_HEADING))
                out += _prefixed(text, prefix)
                if not token.hidden and not _tight(prefix):
                    out.append(Content(""))
            case "fence" | "code_block":
                language = token.info.split()[0] if token.info.strip() else "text"
                out += _prefixed(_code_block(token.content.rstrip("\n"), language), prefix)
                out.append(Content(""))
            case "html_block":
                words = re.sub(r"<[^>]*>", "", token.content).strip()
                out += _prefixed(Content.styled(words, QUIET), prefix) if words else []
            case "hr":
                out += [Content.styled("─" * 24, QUIET), Content("")]
            case _:
                pass
    while out and not out[-1].plain:
        out.pop()
    return _without_double_blanks(out)


def _tight(prefix: list[tuple[str, str]]) -> bool:
    return bool(prefix)


def _without_double_blanks(blocks: list[Content]) -> list[Content]:
    kept: list[Content] = []
    for block in blocks:
        if block.plain or (kept and kept[-1].plain):
            kept.append(block)
    return kept


def _code_block(source: str, language: str) -> Content:
    try:
        return highlight(source, language=language)
    except Exception:  # a lexer that pygments does not have
        return Content(source)


def _prefixed(text: Content, prefix: list[tuple[str, str]]) -> list[Content]:
    if not prefix:
        return [text]
    lines = text.split("\n", allow_blank=True)
    out = []
    for number, line in enumerate(lines):
        lead = "".join(first if number == 0 else rest for first, rest in prefix)
        out.append(Content.styled(lead, QUIET) + line)
    # A list's marker stands once; what follows in the same item is indented under it.
    prefix[:] = [(rest, rest) for _, rest in prefix]
    return out


def _inline(children: Sequence[Token]) -> Content:
    out = Content("")
    styles: list[str] = []
    for child in children:
        match child.type:
            case "text":
                out += Content.styled(child.content, " ".join(styles))
            case "code_inline":
                out += Content.styled(child.content, CODE)
            case "softbreak":
                out += Content(" ")
            case "hardbreak":
                out += Content("\n")
            case "image":
                out += Content.styled(f"[image: {child.content or child.attrGet('src')}]", QUIET)
            case "html_inline":
                pass
            case kind if kind.endswith("_open"):
                styles.append(INLINE.get(kind.removesuffix("_open"), ""))
            case kind if kind.endswith("_close") and styles:
                styles.pop()
            case _:
                out += Content(child.content)
    return out


def _table(rows: list[list[Content]]) -> list[Content]:
    widths = [
        max(cell_len(row[column].plain) if column < len(row) else 0 for row in rows)
        for column in range(max(map(len, rows), default=0))
    ]
    lines = []
    for number, row in enumerate(rows):
        cells = [
            cell.pad_right(width - cell_len(cell.plain)) for cell, width in zip(row, widths, strict=False)
        ]
        line = Content("  ").join(cells)
        lines.append(line.stylize("bold") if number == 0 else line)
        if number == 0:
            lines.append(Content.styled("  ".join("─" * width for width in widths), QUIET))
    return lines
