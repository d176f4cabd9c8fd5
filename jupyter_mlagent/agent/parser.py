"""Replies of the model: one fenced Python cell whose first line is `# PLAN: ...` -> plan and code.

The plan stands inside the cell because small models often end a reply after a plan of its own; begun inside
the fence they go on. The parser is tolerant of what else they write (a plan before the fence, no fence,
several fences, prose after the code, echoed prompts, installs) and strict about what could not be a step (cut
off, empty, no code at all).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Collection
from dataclasses import dataclass

from jupyter_mlagent.agent.dedupe import normalised_key
from jupyter_mlagent.agent.families import describe
from jupyter_mlagent.agent.repair import Expected, repair
from jupyter_mlagent.agent.source import parse_cell

PREFILL = "```python\n# PLAN:"
"""Every reply starts with this, so that the form is never in doubt."""

STOP: tuple[str, ...] = ("\n```\n", "\n# Output:", "<|im_end|>", "<|endoftext|>")
"""The closing fence, and an output made up below the cell. The opening fence carries a language (```python),
so it does not match."""

PLAN_CHARACTERS = 300


@dataclass(frozen=True)
class Reply:
    plan: str
    """One sentence; taken from the code where the reply had none."""
    code: str


@dataclass(frozen=True)
class Malformed:
    reason: str
    """One clause for a person, e.g. `the reply was cut off before its cell ended`."""


CUT_OFF = "the reply was cut off before its cell ended"
NO_CODE = "the reply holds no code"
KNOWN = "the same as a cell that is already there"

_SPECIAL = re.compile(r"<\|[a-z_]+\|>.*\Z", re.DOTALL)
_FENCE = re.compile(r"^[ \t]*(?:```+|~~~+)[ \t]*(?P<language>[\w+.-]*)[^\n`]*$", re.MULTILINE)
_PLAN_COMMENT = re.compile(r"^\s*#\s*(?:PLAN|Plan)\s*:")
_PLAN = re.compile(r"^[\s>*_#-]*(?:plan|idea|step)\b[*_]*\s*[:\-][*_]*[ \t]*", re.IGNORECASE)
_PROMPT_ECHO = re.compile(r"^(?:In \[[\d ]*\]: ?|>>> ?|\s*\.\.\.:? ?)")
_INSTALL = re.compile(
    r"^\s*(?:[!%]\s*(?:python3? -m )?(?:pip3?|uv|conda|mamba|apt(?:-get)?)\b.*|%matplotlib\b.*)$"
)
_PYTHON = frozenset({"", "python", "py", "python3", "ipython", "ipython3", "jupyter", "code", "sql"}) - {
    "sql"
}


def parse_reply(
    text: str,
    *,
    finish_reason: str = "stop",
    existing: Collection[str] = (),
    known_names: Collection[str] | None = None,
    expected: Expected | None = None,
) -> Reply | Malformed:
    """Plan and code of a reply.

    `finish_reason` is the engine's (`length`: the reply ran into `max_tokens`); `existing` holds the keys
    (`dedupe.normalised_key`) of cells that a new one must differ from. With `known_names` (the kernel's
    variables) the cell's imports are completed, with `expected` (`PromptBuild.expected`) also its fit and the
    assignment that the metric reads; see `repair`.
    """
    text = _SPECIAL.sub("", text.replace("\r\n", "\n"))
    cut_off = finish_reason == "length"
    blocks = _blocks(text)
    if blocks:
        code = _choose(blocks)
        if cut_off and not blocks[-1].closed and (code == "" or blocks[-1].text.strip() in code):
            return Malformed(CUT_OFF)
        prose = text[: blocks[0].start]
    else:
        if cut_off:
            return Malformed(CUT_OFF)
        prose, code = _unfenced(text)
    stated, code = _split_plan(_clean(code))
    if not code:
        return Malformed(NO_CODE)
    module = parse_cell(code)
    if module is not None and not module.body:
        return Malformed(NO_CODE)
    if known_names is not None:
        code = repair(code, known_names, expected)
    if existing and normalised_key(code) in existing:
        return Malformed(KNOWN)
    return Reply(plan=_plan(stated) or _plan(prose) or describe(code), code=code)


@dataclass(frozen=True)
class _Block:
    start: int
    text: str
    closed: bool
    python: bool


def _blocks(text: str) -> list[_Block]:
    """The fenced blocks in order; an opening fence without its end runs to the end of the text."""
    fences = list(_FENCE.finditer(text))
    blocks = []
    index = 0
    while index < len(fences):
        opening = fences[index]
        closing = fences[index + 1] if index + 1 < len(fences) else None
        end = closing.start() if closing else len(text)
        blocks.append(
            _Block(
                start=opening.start(),
                text=text[opening.end() : end].strip("\n"),
                closed=closing is not None,
                python=opening["language"].lower() in _PYTHON,
            )
        )
        # A closing fence that names a language opens the next block: the model forgot to close this one.
        index += 1 if closing is not None and closing["language"] else 2
    return blocks


def _choose(blocks: list[_Block]) -> str:
    """The first Python block that does something; blocks that only import or install lead into it."""
    lead: list[str] = []
    for block in blocks:
        if not block.python or not block.text.strip():
            continue
        lead.append(textwrap.dedent(block.text))
        if _does_something(_clean(block.text)):
            return "\n".join(lead)
    return "\n".join(lead)


def _split_plan(code: str) -> tuple[str, str]:
    """The plan in the comment that a cell starts with, and the cell below it."""
    first, _, rest = code.partition("\n")
    return (first, rest.strip("\n")) if _PLAN_COMMENT.match(first) else ("", code)


def _does_something(code: str) -> bool:
    module = parse_cell(code)
    if module is None:
        return bool(code)
    return any(type(node).__name__ not in ("Import", "ImportFrom") for node in module.body)


def _unfenced(text: str) -> tuple[str, str]:
    """Prose and code of a reply without fences: the code is the longest run of lines that is a program."""
    lines = text.strip("\n").split("\n")
    first = next((number for number, line in enumerate(lines) if _looks_like_code(line)), None)
    if first is None:
        return text, ""
    for end in range(len(lines), first, -1):
        code = "\n".join(lines[first:end])
        if parse_cell(_clean(code)) is not None:
            return "\n".join(lines[:first]), code
    return text, ""


_CODE_LINE = re.compile(
    r"^\s*(?:import \w|from [\w.]+ import |@|def |class |for .+:|with .+:|[\w.\[\]'\", ]+ = \S|[\w.]+\(.*)"
)


def _looks_like_code(line: str) -> bool:
    return not _PLAN.match(line) and bool(_CODE_LINE.match(line))


def _clean(code: str) -> str:
    lines = textwrap.dedent(code.expandtabs(4)).split("\n")
    if _PROMPT_ECHO.match(lines[0]):
        lines = [_PROMPT_ECHO.sub("", line) for line in lines]
    kept = [line.rstrip() for line in lines if not _INSTALL.match(line)]
    return "\n".join(kept).strip("\n")


def _plan(prose: str) -> str:
    """The plan line, else the last sentence before the code."""
    lines = [line.strip() for line in prose.split("\n") if line.strip()]
    labelled = [_PLAN.sub("", line) for line in lines if _PLAN.match(line)]
    chosen = next((line for line in labelled if line), lines[-1] if lines else "")
    plain = _PLAN.sub("", chosen).strip(" *_#`\"'").strip()
    return plain if len(plain) <= PLAN_CHARACTERS else plain[: PLAN_CHARACTERS - 1].rstrip() + "…"


class ReplyStream:
    """Plan and code of a reply while it is being written: the plan first, then the code."""

    def __init__(self) -> None:
        self._text = ""
        self._plan = ""
        self._code = ""

    @property
    def plan(self) -> str:
        return self._plan

    @property
    def code(self) -> str:
        return self._code

    def feed(self, text: str) -> tuple[str, str]:
        """The plan and the code that `text` adds; what has been given out is never taken back."""
        self._text += text
        return self._give(self._text)

    def ahead(self, start: str) -> tuple[str, str]:
        """The plan and the code of a `start` that is certain to come; `feed` then does not repeat them."""
        return self._give(start)

    def _give(self, text: str) -> tuple[str, str]:
        plan, code = _so_far(text)
        new_plan = plan[len(self._plan) :] if plan.startswith(self._plan) else ""
        new_code = code[len(self._code) :] if code.startswith(self._code) else ""
        self._plan += new_plan
        self._code += new_code
        return new_plan, new_code


def _so_far(text: str) -> tuple[str, str]:
    """What is certain of plan and code; a line that may yet become a fence or a plan is held back."""
    lines = text.lstrip().split("\n")
    complete, last = lines[:-1], lines[-1]
    fence = next((number for number, line in enumerate(complete) if _FENCE.match(line)), None)
    if fence is None:
        head = lines[0] if len(lines) > 1 or not _may_become_plan(last) else ""
        return ("" if _may_be_fence(head) else _PLAN.sub("", head).lstrip()), ""
    plan = _PLAN.sub("", lines[0]).lstrip() if fence > 0 else ""
    body = lines[fence + 1 :]
    if not plan and _PLAN_COMMENT.match(body[0]):
        plan, body = _PLAN.sub("", body[0]).lstrip(), body[1:]
    elif not plan and len(body) == 1 and _may_become_plan(body[0]):
        return "", ""
    end = next((number for number, line in enumerate(body[:-1]) if _FENCE.match(line)), None)
    if end is not None:
        return plan, "\n".join(body[:end])
    if body and _may_be_fence(body[-1]):
        body = [*body[:-1], ""]
    return plan, "\n".join(body)


def _may_be_fence(line: str) -> bool:
    stripped = line.lstrip()
    return not stripped or stripped.startswith(("`", "~"))


def _may_become_plan(line: str) -> bool:
    words = line.replace(" ", "").lower()
    return any(label.startswith(words) and len(words) < len(label) for label in ("plan:", "#plan:"))
