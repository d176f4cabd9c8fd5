"""The prompt: instructions, task, cells in notebook order, then what changes most.

Order serves the engine's prefix reuse: when only the last cell changes, everything before it stays the same,
token for token. Size is budgeted by relevance; the metric's cells and the variables always stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from jupyter_mlagent.agent import wording
from jupyter_mlagent.agent.budget import Piece, cut, fit
from jupyter_mlagent.agent.ideas import choose_ideas
from jupyter_mlagent.agent.memory import MemoryEntry, render_entry
from jupyter_mlagent.agent.names import cell_names
from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.agent.render import cell_levels, render_detail, render_error, render_variable
from jupyter_mlagent.agent.source import parse_cell
from jupyter_mlagent.records import Cell, ChatMessage, Operator, State, Task, Variable
from jupyter_mlagent.reward.roles import Roles, roles

MINIMUM_TOKENS = 512
"""Smallest budget that `build_messages` accepts: instructions, goal and the metric's variables, cut short.
It holds for tokenizers that average at least two characters a token on the instructions."""

COMFORTABLE_TOKENS = 1_800
"""Cells are shortened to this even where more would fit: on a CPU every token of the prompt is time before
the first word, and small models attend poorly to long prompts."""

VARIABLES_SHOWN = 24
GRAIN = 64
"""Budgets are rounded down to this, so that a slightly different budget gives the same prompt."""


@dataclass(frozen=True)
class PromptBudget:
    tokens: int
    """Upper bound for the contents of all messages and the prefill together, as `count` counts them."""
    count: Callable[[str], int]
    comfortable: int = COMFORTABLE_TOKENS


@dataclass(frozen=True)
class PromptBuild:
    messages: tuple[ChatMessage, ...]
    prefill: str
    dropped: tuple[str, ...] = ()
    """What was shortened or left out, e.g. `cell 3 shortened`."""


def build_messages(
    state: State,
    task: Task,
    *,
    operator: Operator,
    hint: str = "",
    memory: Sequence[MemoryEntry] = (),
    budget: PromptBudget,
    seed: int = 0,
) -> PromptBuild:
    """The prompt for one request; all candidates of the request share it.

    Never larger than `budget.tokens`. Raises ValueError for a budget below `MINIMUM_TOKENS`.
    """
    if budget.tokens < MINIMUM_TOKENS:
        raise ValueError(f"A prompt needs at least {MINIMUM_TOKENS} tokens, not {budget.tokens}.")
    parts = roles(task.metric.expression) if task.metric else Roles()
    cells = _cell_pieces(state, task, parts, operator)
    tail = [
        _variables(state, parts),
        _memory(memory),
        Piece("hint", (f"The person asks: {hint.strip()[: wording.HINT]}" if hint.strip() else "",), 95.0),
    ]
    ask = _ask(state, task, parts, operator, memory, seed)
    fixed = (
        budget.count(wording.SYSTEM)
        + budget.count(wording.goal(task))
        + budget.count(ask)
        + budget.count(PREFILL)
    )
    room = min(budget.tokens, max(budget.comfortable, MINIMUM_TOKENS)) // GRAIN * GRAIN - fixed
    pieces = [*cells, *tail]
    levels = fit(pieces, room - 2 * len(pieces), budget.count)
    texts = [piece.levels[level] for piece, level in zip(pieces, levels, strict=True)]
    user = _join([wording.goal(task), "The notebook:", *texts[: len(cells)], *texts[len(cells) :], ask])
    allowed = budget.tokens - budget.count(wording.SYSTEM) - budget.count(PREFILL)
    if budget.count(user) > allowed:
        middle = cut(
            _join(texts), allowed - budget.count(_join([wording.goal(task), "", ask])) - 8, budget.count
        )
        user = _join([wording.goal(task), middle, ask])
        if budget.count(user) > allowed:
            user = cut(user, allowed, budget.count)
    return PromptBuild(
        messages=(ChatMessage(role="system", content=wording.SYSTEM), ChatMessage(role="user", content=user)),
        prefill=PREFILL,
        dropped=tuple(_dropped(pieces, levels)),
    )


def _join(texts: Iterable[str]) -> str:
    return "\n\n".join(text for text in texts if text)


def _dropped(pieces: Sequence[Piece], levels: Sequence[int]) -> list[str]:
    return [
        f"{piece.name} {'shortened' if piece.levels[level] else 'left out'}"
        for piece, level in zip(pieces, levels, strict=True)
        if level
    ]


def _cell_pieces(state: State, task: Task, parts: Roles, operator: Operator) -> list[Piece]:
    """The cells in notebook order; the relevant ones are those the metric's variables come from."""
    defining = _metric_cells(state.cells, task, parts)
    last = state.last_code_cell
    pieces = []
    for number, cell in enumerate(state.cells, 1):
        levels = cell_levels(number, cell)
        age = len(state.cells) - number
        relevance = (0.0 if cell.kind != "code" else 20.0) - min(age, 40) * 0.2
        floor = -1
        if number in defining:
            relevance, floor = 60.0, max(len(levels) - 3, 0)
        if last is not None and cell.id == last.id:
            relevance, floor = (90.0 if operator is Operator.DEBUG else 65.0), max(len(levels) - 3, 0)
        pieces.append(Piece(f"cell {number}", levels, relevance, floor=floor, volatile=cell is last))
    return pieces


def _metric_cells(cells: Sequence[Cell], task: Task, parts: Roles) -> set[int]:
    """Numbers of the cells that last bind a name the metric reads, and of the one it was found in."""
    defining: dict[str, int] = {}
    for number, cell in enumerate(cells, 1):
        module = parse_cell(cell.source) if cell.kind == "code" else None
        bound = cell_names(module).bound if module is not None else {}
        defining |= {name: number for name in parts.reads if name in bound}
    chosen = {defining[name] for name in parts.reads if name in defining}
    if task.metric is not None and "cell " in task.metric.origin:
        seen_in = task.metric.origin.rpartition("cell ")[2].split(" ")[0]
        if seen_in.isdecimal() and int(seen_in) <= len(cells):
            chosen.add(int(seen_in))
    return chosen


def _variables(state: State, parts: Roles) -> Piece:
    """The variables by relevance: what the metric reads, what the last cells mention, the rest."""
    ordered = _by_relevance(state, parts)
    if not ordered:
        return Piece("variables", ("",), 80.0)
    needed = sum(variable.name in parts.reads for variable in ordered)
    detailed = [render_detail(variable, 12) for variable in ordered[:3]]
    plain = [render_variable(variable) for variable in ordered]
    counts = sorted({min(len(plain), n) for n in (VARIABLES_SHOWN, 12, 8)} | {max(needed, 1)}, reverse=True)
    levels = [_variable_list([*detailed, *plain[3 : counts[0]]], ordered)]
    levels += [_variable_list(plain[:n], ordered) for n in counts]
    return Piece("variables", tuple(dict.fromkeys(levels)), 40.0, volatile=True)


def _variable_list(shown: Sequence[str], ordered: Sequence[Variable]) -> str:
    rest = [variable.name for variable in ordered[len(shown) :]]
    more = (
        f"\n- and {len(rest)} more: {', '.join(rest[:12])}{', ...' if len(rest) > 12 else ''}" if rest else ""
    )
    return "Variables in memory:\n" + "\n".join(shown) + more


def _by_relevance(state: State, parts: Roles) -> list[Variable]:
    mentions: dict[str, int] = {}
    for number, cell in enumerate(state.cells, 1):
        if cell.kind == "code":
            module = parse_cell(cell.source)
            names = cell_names(module) if module is not None else None
            for name in [*names.bound, *(use.name for use in names.uses)] if names else []:
                mentions[name] = number

    def key(variable: Variable) -> tuple[int, int, str]:
        wanted = parts.reads.index(variable.name) if variable.name in parts.reads else len(parts.reads)
        return (wanted, -mentions.get(variable.name, 0), variable.name)

    return sorted(state.variables, key=key)


def _memory(memory: Sequence[MemoryEntry]) -> Piece:
    if not memory:
        return Piece("earlier steps", ("",), 30.0)
    lines = [render_entry(entry) for entry in memory]
    levels = ["Already tried:\n" + "\n".join(lines[-n:]) for n in (8, 4, 2)]
    return Piece("earlier steps", tuple(dict.fromkeys([*levels, ""])), 30.0, volatile=True)


def _ask(
    state: State, task: Task, parts: Roles, operator: Operator, memory: Sequence[MemoryEntry], seed: int
) -> str:
    now = f"The metric is now {state.metric_value:.5g}." if state.metric_value is not None else ""
    ideas = "" if operator is Operator.DEBUG else _ideas(state, task, operator, memory, seed)
    instruction = wording.instruction(operator, parts, _error(state))
    return "\n".join(
        text
        for text in (now, instruction, ideas, wording.rules(task, parts), wording.reply_form(parts))
        if text
    )


def _ideas(state: State, task: Task, operator: Operator, memory: Sequence[MemoryEntry], seed: int) -> str:
    ideas = choose_ideas(state, task, operator, memory, seed=seed)
    return "Ideas to choose from:\n" + "\n".join(f"- {idea}" for idea in ideas) if ideas else ""


def _error(state: State) -> str:
    last = state.last_code_cell
    if last is None:
        return ""
    errors = [output for output in last.outputs if output.get("output_type") == "error"]
    return render_error(errors[-1]).rpartition("\n")[2] if errors else ""
