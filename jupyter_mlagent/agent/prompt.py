"""The prompt: what stays the same first (goal, rules, earlier cells), then what changes most.

Order serves the engine's prefix reuse: when only the last cell changes, everything before it stays the same,
token for token, the rules, the reply's form and the variables included. Size is budgeted by relevance; the
metric's cells and the variables always stay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from jupyter_mlagent.agent import wording
from jupyter_mlagent.agent.budget import Piece, cut, fit, round_up
from jupyter_mlagent.agent.idea import Idea
from jupyter_mlagent.agent.ideas import choose_ideas
from jupyter_mlagent.agent.memory import MemoryEntry, render_entry
from jupyter_mlagent.agent.names import names_of
from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.agent.render import cell_levels, error_line, render_detail, render_variable
from jupyter_mlagent.agent.repair import NOTHING_EXPECTED, Expected
from jupyter_mlagent.agent.situation import Situation, read_situation
from jupyter_mlagent.records import Cell, ChatMessage, Operator, State, Task, Variable
from jupyter_mlagent.reward.roles import Roles, roles

MINIMUM_TOKENS = 640
"""Smallest budget that `build_messages` accepts: instructions, goal and the metric's variables, cut short.
It holds for tokenizers that average at least two characters a token on the instructions."""

COMFORTABLE_TOKENS = 1_200
"""Cells are shortened to this even where more would fit: on a CPU every token of the prompt is time before
the first word, and small models attend poorly to long prompts."""

IDEAS = 4
"""Ideas that the prompt lists where replies are not started with one each."""

INSIGHTS = 2
"""Most lines from earlier notebooks."""

VARIABLES_SHOWN = 14
DETAIL_LINES = 10
_UNTOLD = frozenset({"module", "type", "ABCMeta", "Figure", "Axes", "Generator", "RandomState"})
"""Types of variables that a prompt does not mention: the cells show them, or they are no use."""

GUIDED = 0.75
"""Share of the replies that start with an idea's plan."""

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
    prefills: tuple[str, ...] = ()
    """One for each of the replies asked for: most start with an idea's plan, so that they differ."""
    expected: Expected = NOTHING_EXPECTED
    """What a cell is to leave behind: for `parser.parse_reply`."""
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
    replies: int = 0,
    insights: Sequence[str] = (),
    analysis: str = "",
    guided: float = GUIDED,
) -> PromptBuild:
    """The prompt for one request; all candidates of the request share it. `insights`: lines from earlier
    notebooks; `analysis`: what the model said of this state when it was asked before; `guided`: share of the
    replies that are given a plan.

    Never larger than `budget.tokens`. Raises ValueError for a budget below `MINIMUM_TOKENS`.
    """
    if budget.tokens < MINIMUM_TOKENS:
        raise ValueError(f"A prompt needs at least {MINIMUM_TOKENS} tokens, not {budget.tokens}.")
    parts = roles(task.metric.expression) if task.metric else Roles()
    situation = read_situation(state, task, parts)
    error = _error(state)
    ideas = choose_ideas(situation, operator, memory, error=error, seed=seed, count=max(replies, IDEAS))
    prefills = _prefills(() if hint.strip() else ideas, replies, guided)
    cells, changing = _cell_pieces(state, task, parts, operator)
    pieces = [
        *cells,
        _variables(state, parts, situation),
        *changing,
        _insights(insights),
        _memory(memory),
        _analysis(analysis),
        _hint(hint),
        _ideas(() if replies or hint.strip() else ideas),
    ]
    frame = _Frame(
        before=_join(
            (
                wording.goal(task),
                _join_lines(
                    wording.rules(situation, parts),
                    wording.reply_form(
                        situation,
                        task,
                        trains=operator is not Operator.DEBUG
                        or _binds(state.last_code_cell, situation.targets),
                    ),
                ),
            )
        ),
        after=wording.instruction(operator, situation, state.metric_value, error),
    )
    starts = max((budget.count(prefill) for prefill in prefills), default=budget.count(PREFILL))
    room = budget.tokens - budget.count(wording.SYSTEM) - starts
    user, levels = _user_message(frame, pieces, room, budget)
    return PromptBuild(
        messages=(ChatMessage(role="system", content=wording.SYSTEM), ChatMessage(role="user", content=user)),
        prefill=PREFILL,
        prefills=prefills,
        expected=Expected(
            targets=situation.targets,
            fit_arguments="" if situation.cross_validated else situation.fit_arguments,
        ),
        dropped=tuple(_dropped(pieces, levels)),
    )


@dataclass(frozen=True)
class _Frame:
    """What stands around the pieces, and always stays."""

    before: str
    after: str


def _user_message(
    frame: _Frame, pieces: Sequence[Piece], room: int, budget: PromptBudget
) -> tuple[str, list[int]]:
    """The message in at most `room` tokens, and the level of each piece in it."""
    wanted = min(room, budget.comfortable) // GRAIN * GRAIN
    around = round_up(budget.count(frame.before) + budget.count(frame.after))
    levels = fit(pieces, wanted - around, budget.count)
    texts = [piece.levels[level] for piece, level in zip(pieces, levels, strict=True)]
    user = _join([frame.before, *texts, frame.after])
    if budget.count(user) > room:
        # Even at their floors the pieces are too long, e.g. in a notebook of one huge line.
        spare = room - budget.count(_join([frame.before, "-", frame.after]))
        texts = [cut(_join(texts), spare, budget.count)]
        user = cut(_join([frame.before, *texts, frame.after]), room, budget.count)
    return user, levels


def _prefills(ideas: Sequence[Idea], replies: int, guided: float) -> tuple[str, ...]:
    """Plans for that share of the replies; the others are the model's own."""
    given = min(len(ideas), math.ceil(replies * guided))
    return (
        *(f"{PREFILL} {idea.plan}.\n{idea.opening}" for idea in ideas[:given]),
        *[PREFILL] * (replies - given),
    )


def _join_lines(*texts: str) -> str:
    return "\n".join(text for text in texts if text)


def _join(texts: Iterable[str]) -> str:
    return "\n\n".join(text for text in texts if text)


def _dropped(pieces: Sequence[Piece], levels: Sequence[int]) -> list[str]:
    return [
        f"{piece.name} {'shortened' if piece.levels[level] else 'left out'}"
        for piece, level in zip(pieces, levels, strict=True)
        if level
    ]


def _cell_pieces(
    state: State, task: Task, parts: Roles, operator: Operator
) -> tuple[list[Piece], list[Piece]]:
    """The cells in notebook order, those from the last code cell on apart.

    The relevant ones are those the metric's variables come from.
    """
    defining = _metric_cells(state.cells, task, parts)
    last = state.last_code_cell
    earlier: list[Piece] = []
    changing: list[Piece] = []
    for number, cell in enumerate(state.cells, 1):
        levels = cell_levels(number, cell)
        age = len(state.cells) - number
        relevance = (0.0 if cell.kind != "code" else 20.0) - min(age, 40) * 0.2
        floor = -1
        if number in defining:
            relevance, floor = 60.0, max(len(levels) - 3, 0)
        if last is not None and cell.id == last.id:
            relevance, floor = (90.0 if operator is Operator.DEBUG else 65.0), max(len(levels) - 3, 0)
        piece = Piece(f"cell {number}", levels, relevance, floor=floor, volatile=cell is last)
        (changing if changing or cell is last else earlier).append(piece)
    return earlier, changing


def _metric_cells(cells: Sequence[Cell], task: Task, parts: Roles) -> set[int]:
    """Numbers of the cells that last bind the metric's model or data, and of the one it was found in."""
    wanted = [name for name in parts.reads if name not in parts.functions]
    defining: dict[str, int] = {}
    for number, cell in enumerate(cells, 1):
        bound = names_of(cell.source).bound if cell.kind == "code" else {}
        defining |= {name: number for name in wanted if name in bound}
    chosen = set(defining.values())
    if task.metric is not None and "cell " in task.metric.origin:
        seen_in = task.metric.origin.rpartition("cell ")[2].split(" ")[0]
        if seen_in.isdecimal() and int(seen_in) <= len(cells):
            chosen.add(int(seen_in))
    return chosen


def _variables(state: State, parts: Roles, situation: Situation) -> Piece:
    """The variables by relevance: what the metric reads, what the last cells mention, the rest."""
    ordered = _by_relevance(state, [*parts.reads, *situation.trained_on])
    if not ordered:
        return Piece("variables", ("",), 80.0)
    needed = sum(variable.name in parts.reads for variable in ordered)
    table = next((variable for variable in ordered if variable.detail), None)
    rich = [render_detail(each, DETAIL_LINES) if each is table else render_variable(each) for each in ordered]
    plain = [render_variable(variable) for variable in ordered]
    counts = sorted({min(len(plain), n) for n in (VARIABLES_SHOWN, 10, 6)} | {max(needed, 1)}, reverse=True)
    levels = [_variable_list(rich[: counts[0]], ordered)]
    levels += [_variable_list(plain[:n], ordered) for n in counts]
    return Piece("variables", tuple(dict.fromkeys(levels)), 40.0, volatile=True)


def _variable_list(shown: Sequence[str], ordered: Sequence[Variable]) -> str:
    rest = [variable.name for variable in ordered[len(shown) :]]
    more = (
        f"\n- and {len(rest)} more: {', '.join(rest[:12])}{', ...' if len(rest) > 12 else ''}" if rest else ""
    )
    return "Variables in memory:\n" + "\n".join(shown) + more


def _by_relevance(state: State, wanted: Sequence[str]) -> list[Variable]:
    mentions: dict[str, int] = {}
    imported: set[str] = set()
    for number, cell in enumerate(state.cells, 1):
        if cell.kind == "code":
            names = names_of(cell.source)
            mentions |= dict.fromkeys([*names.bound, *(use.name for use in names.uses)], number)
            imported |= names.imported

    def key(variable: Variable) -> tuple[int, int, str]:
        rank = wanted.index(variable.name) if variable.name in wanted else len(wanted)
        return (rank, -mentions.get(variable.name, 0), variable.name)

    shown = [
        variable
        for variable in state.variables
        if variable.name not in imported and variable.type not in _UNTOLD
    ]
    return sorted(shown, key=key)


def _memory(memory: Sequence[MemoryEntry]) -> Piece:
    if not memory:
        return Piece("earlier steps", ("",), 30.0)
    lines = [render_entry(entry) for entry in memory]
    levels = ["Already tried:\n" + "\n".join(lines[-n:]) for n in (8, 4, 2)]
    return Piece("earlier steps", tuple(dict.fromkeys([*levels, ""])), 30.0, volatile=True)


def _insights(lines: Sequence[str]) -> Piece:
    text = "\n".join(f"- {line}" for line in lines[:INSIGHTS])
    return Piece("insights", (f"In earlier notebooks:\n{text}", "") if text else ("",), 25.0)


def _analysis(text: str) -> Piece:
    flat = " ".join(text.split())
    return Piece("analysis", (f"Analysis: {flat}", "") if flat else ("",), 34.0, volatile=True)


def _hint(hint: str) -> Piece:
    text = hint.strip()[: wording.HINT]
    return Piece("hint", (f"The person asks: {text}" if text else "",), 95.0)


def _ideas(ideas: Sequence[Idea]) -> Piece:
    lines = wording.ideas_list(ideas)
    return Piece("ideas", (lines, "") if lines else ("",), 35.0, volatile=True)


def _binds(cell: Cell | None, names: Sequence[str]) -> bool:
    return cell is not None and not {*names}.isdisjoint(names_of(cell.source).bound)


def _error(state: State) -> str:
    last = state.last_code_cell
    if last is None:
        return ""
    errors = [output for output in last.outputs if output.get("output_type") == "error"]
    return error_line(errors[-1]) if errors else ""
