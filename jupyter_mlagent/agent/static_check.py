"""What can be said of a cell before it runs: does it compile, and are its names defined?"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection
from dataclasses import dataclass

from jupyter_mlagent.agent.names import CellNames, cell_names
from jupyter_mlagent.agent.source import CellSyntaxError, parse_strictly

NO_EFFECT = "NoEffect"

ALWAYS_THERE = frozenset(dir(builtins)) | {
    *(
        "__name__",
        "__doc__",
        "__file__",
        "__builtins__",
        "get_ipython",
        "display",
        "In",
        "Out",
        "exit",
        "quit",
    ),
    *("_", "__", "___", "_i", "_ii", "_iii", "_ih", "_oh", "_dh", "_exit_code", "open"),
}
_BINDS_UNSEEN = frozenset({"exec", "eval", "globals", "locals", "vars", "run_cell_magic", "run_line_magic"})
"""Calls after which names may exist that the source does not show."""

_QUIET_MAGICS = frozenset(
    {"matplotlib", "config", "load_ext", "who", "whos", "pip", "conda", "env", "cd", "pwd"}
)


@dataclass(frozen=True)
class Problem:
    name: str
    """The exception it would be (`SyntaxError`, `NameError`), or `NoEffect`."""
    sentence: str
    """One sentence for a person."""
    fatal: bool
    """True when the cell cannot run to its end."""


def check_cell(code: str, known_names: Collection[str], metric_reads: Collection[str] = ()) -> list[Problem]:
    """Problems of a cell, fatal ones first.

    `known_names` are the kernel's variables, `metric_reads` the names that the metric's expression reads:
    with them, a cell that certainly cannot change the metric is named (not fatal: it may be a first step).
    """
    try:
        module = parse_strictly(code)
        compile(module, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except CellSyntaxError as error:
        where = f" in line {error.line}" if error.line else ""
        return [Problem("SyntaxError", f"The cell is not valid Python{where}: {error}.", fatal=True)]
    except SyntaxError as error:
        sentence = f"The cell is not valid Python in line {error.lineno}: {error.msg}."
        return [Problem("SyntaxError", sentence, fatal=True)]
    except (ValueError, RecursionError, MemoryError) as error:
        return [Problem(type(error).__name__, f"The cell cannot be compiled: {error}.", fatal=True)]
    names = cell_names(module)
    problems = [] if _binds_unseen(module, names) else _undefined(names, known_names)
    if metric_reads and not may_change(module, frozenset(metric_reads)):
        listed = ", ".join(sorted(metric_reads))
        sentence = f"The cell does not touch what the metric reads ({listed}), so the metric stays as it is."
        problems.append(Problem(NO_EFFECT, sentence, fatal=False))
    return sorted(problems, key=lambda problem: not problem.fatal)


def _undefined(names: CellNames, known_names: Collection[str]) -> list[Problem]:
    problems: dict[str, Problem] = {}
    for use in names.uses:
        if use.name in known_names or use.name in ALWAYS_THERE:
            continue
        bound = names.bound.get(use.name)
        early = bound is not None and use.certain and use.order < bound
        if bound is not None and not early:
            continue
        how = "before the cell defines it" if early else "but neither the notebook nor the cell defines it"
        found = Problem("NameError", f"Line {use.line} uses {use.name} {how}.", fatal=use.certain)
        if use.name not in problems or (found.fatal and not problems[use.name].fatal):
            problems[use.name] = found
    return list(problems.values())


def _binds_unseen(module: ast.Module, names: CellNames) -> bool:
    return names.star_imports or any(
        isinstance(node, ast.Call) and _last_name(node.func) in _BINDS_UNSEEN and not _is_quiet_magic(node)
        for node in ast.walk(module)
    )


def _is_quiet_magic(call: ast.Call) -> bool:
    first = call.args[0] if call.args else None
    return (
        _last_name(call.func) == "run_line_magic"
        and isinstance(first, ast.Constant)
        and first.value in _QUIET_MAGICS
    )


_READING_METHODS = frozenset(
    [
        *(
            "predict",
            "predict_proba",
            "decision_function",
            "score",
            "transform",
            "mean",
            "std",
            "sum",
            "head",
        ),
        *(
            "tail",
            "describe",
            "copy",
            "get_params",
            "value_counts",
            "unique",
            "nunique",
            "astype",
            "to_numpy",
        ),
        *("min", "max", "argmax", "round", "reshape", "tolist", "item", "items", "keys", "values", "isna"),
        *("isnull", "corr", "groupby", "plot", "hist", "info", "sample", "ravel", "flatten", "any", "all"),
    ]
)
_READING_FUNCTIONS = frozenset(
    [
        *("print", "len", "type", "display", "isinstance", "round", "sorted", "range", "enumerate", "zip"),
        *(
            "clone",
            "deepcopy",
            "cross_val_score",
            "train_test_split",
            "unique",
            "mean",
            "sqrt",
            "list",
            "dict",
        ),
        *("classification_report", "confusion_matrix", "min", "max", "sum", "abs", "float", "int", "str"),
    ]
)
_SCORING_ENDINGS = ("_score", "_error", "_loss")


def may_change(module: ast.Module, reads: frozenset[str]) -> bool:
    """False only when the cell certainly leaves alone every object that the metric reads.

    It may change one when it binds a name in `reads`, stores into one, calls a method on one that is not
    known to only read, hands one to a function that is not known to only read, gives one another name, or
    runs what cannot be followed (`exec`, magics).
    """
    names = cell_names(module)
    if _binds_unseen(module, names) or reads & set(names.bound):
        return True
    safe = _safe_reads(module, reads)
    return any(
        isinstance(node, ast.Name) and node.id in reads and id(node) not in safe for node in ast.walk(module)
    )


def _safe_reads(module: ast.Module, reads: frozenset[str]) -> set[int]:
    """Ids of the name nodes that are only read, as in `print(model)`."""
    safe: set[int] = set()
    for call in (node for node in ast.walk(module) if isinstance(node, ast.Call)):
        name = _last_name(call.func)
        receiver = call.func.value if isinstance(call.func, ast.Attribute) else call.func
        if isinstance(receiver, ast.Name) and (receiver is call.func or name in _READING_METHODS):
            safe.add(id(receiver))
        if name in _READING_METHODS | _READING_FUNCTIONS | reads or name.endswith(_SCORING_ENDINGS):
            arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
            safe |= {id(argument) for argument in arguments if isinstance(argument, ast.Name)}
    return safe


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
