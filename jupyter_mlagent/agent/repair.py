"""Mend what small models forget in an otherwise sound cell: imports, seeds, a last parenthesis, what
arguments a class takes, fitting, the assignment that counts.

Every repair is a line, an argument, a pipeline's step or a parenthesis in the cell that the person sees, or
an import moved to its right module or left out where it names none; nothing else is rewritten. What the
model sampled stays in the journal as it was.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass

from jupyter_mlagent.agent.arguments import with_known_arguments
from jupyter_mlagent.agent.attributes import with_own_attributes
from jupyter_mlagent.agent.composition import with_whole_compositions
from jupyter_mlagent.agent.families import FAMILIES
from jupyter_mlagent.agent.import_table import HOME, import_lines, is_importable
from jupyter_mlagent.agent.names import cell_names
from jupyter_mlagent.agent.pipeline_steps import with_one_model
from jupyter_mlagent.agent.seeding import with_seeds
from jupyter_mlagent.agent.source import cell_magic, parse_cell
from jupyter_mlagent.agent.static_check import ALWAYS_THERE
from jupyter_mlagent.reward.expressions import called_name, calls, is_constructor

_MOST_UNCLOSED = 3
_PLACEHOLDER = re.compile(r"^from \.\.\. import .*\n?", re.MULTILINE)
_COMPOSED = frozenset({"make_pipeline", "Pipeline", "make_column_transformer"})


@dataclass(frozen=True)
class Expected:
    """What a cell is to leave behind, from the notebook's situation."""

    targets: tuple[str, ...] = ()
    """Names that the metric reads and the cell is to rebind."""
    fit_arguments: str = ""
    """Source of the arguments to fit with; empty where the metric fits the model itself."""


NOTHING_EXPECTED = Expected()


def repair(code: str, known_names: Collection[str], expected: Expected | None = None) -> str:
    """The cell with imports, seeds and arguments in order and, where `expected` says how, its model
    fitted and assigned.

    Code that is not Python comes back unchanged. `known_names` are the kernel's variables.
    """
    code = with_one_model(_closed(_without_placeholders(code)), known_names)
    code = with_known_arguments(with_whole_compositions(code))
    code = repair_imports(with_seeds(with_own_attributes(code)), known_names)
    return code if expected is None else _finish(code, expected)


def _without_placeholders(code: str) -> str:
    """Without the line of the reply's form that some models copy: names are imported where they are known."""
    return _PLACEHOLDER.sub("", code) if cell_magic(code) is None else code


def _closed(code: str) -> str:
    """With the parentheses that the last line lacks: small models lose count in a nested print."""
    if parse_cell(code) is not None or not code.rstrip().endswith(")"):
        return code
    tries = (code.rstrip() + ")" * count for count in range(1, _MOST_UNCLOSED + 1))
    return next((closed for closed in tries if parse_cell(closed) is not None), code)


def repair_imports(code: str, known_names: Collection[str]) -> str:
    """Names of well-known libraries that nobody imported are imported; misplaced imports are moved."""
    module = parse_cell(code)
    if module is None:
        return code
    moved, code = _without_misplaced(module, code)
    module = parse_cell(code)
    if module is None:
        return code
    names = cell_names(module)
    known = {*known_names, *names.bound, *ALWAYS_THERE}
    missing = {use.name for use in names.uses if use.name not in known and is_importable(use.name)}
    if names.star_imports:
        missing = set()
    lines = import_lines(missing | moved)
    if not lines:
        return code
    if cell_magic(code) is None:
        return "\n".join([*lines, code]).rstrip("\n")
    magic, _, body = code.lstrip().partition("\n")
    return "\n".join([magic, *lines, body])


def _without_misplaced(module: ast.Module, code: str) -> tuple[set[str], str]:
    """Names imported from a module of scikit-learn that lacks them, and the code without those imports."""
    moved: set[str] = set()
    lines = code.split("\n")
    for statement in reversed(module.body):
        if not isinstance(statement, ast.ImportFrom) or not (statement.module or "").startswith("sklearn"):
            continue
        wrong = [
            alias
            for alias in statement.names
            if alias.asname is None and _is_elsewhere(alias.name, statement.module)
        ]
        if not wrong or ";" in lines[statement.lineno - 1]:
            continue
        kept = ", ".join(ast.unparse(alias) for alias in statement.names if alias not in wrong)
        replacement = [f"from {statement.module} import {kept}"] if kept else []
        lines[statement.lineno - 1 : statement.end_lineno] = replacement
        moved |= {alias.name for alias in wrong}
    return moved, "\n".join(lines).strip("\n")


def _is_elsewhere(name: str, module: str | None) -> bool:
    home = HOME.get(name)
    # `sklearn.metrics.pairwise` and `sklearn.feature_extraction.text` also offer what their parents do.
    return (
        home is not None
        and module is not None
        and not home.startswith(module)
        and not module.startswith(home)
    )


def _finish(code: str, expected: Expected) -> str:
    module = parse_cell(code)
    if module is None or not expected.targets:
        return code
    target = expected.targets[0]
    touched = set(cell_names(module).bound) | _fitted(module)
    if touched & set(expected.targets):
        added = _missing_fit(module, target, expected.fit_arguments)
    else:
        made = _made_estimators(module)
        added = f"{target} = {made[-1]}" if made else ""
        if made and (fit := _missing_fit(module, made[-1], expected.fit_arguments)):
            added = f"{added}\n{fit.replace(f'{made[-1]}.fit', f'{target}.fit', 1)}"
    if not added:
        return code
    return _before_prints(code, module, added)


def _missing_fit(module: ast.Module, name: str, arguments: str) -> str:
    """`name.fit(...)` where the cell makes a new estimator of that name and never fits it."""
    if not arguments or name in _fitted(module) or name not in _made_estimators(module, unfitted=True):
        return ""
    return f"{name}.fit({arguments})"


def _fitted(module: ast.Module) -> set[str]:
    return {
        call.func.value.id
        for call in calls(module)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in ("fit", "set_params", "partial_fit")
        and isinstance(call.func.value, ast.Name)
    }


def _made_estimators(module: ast.Module, *, unfitted: bool = False) -> list[str]:
    """Names that the cell's top level assigns a new estimator to, in order."""
    made = []
    for statement in module.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_estimator(value, unfitted):
                made.append(name)
    return made


def _is_estimator(value: ast.expr, unfitted: bool) -> bool:
    match value:
        case ast.Call(func=ast.Attribute(value=inner, attr="fit")):
            return not unfitted and _is_estimator(inner, unfitted)
        case ast.Attribute(attr="best_estimator_"):
            return not unfitted
    name = called_name(value) or ""
    if name in _COMPOSED - {"make_column_transformer"}:
        return any(_is_family(called_name(call) or "") for call in calls(value)) or any(
            isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) for node in ast.walk(value)
        )
    return is_constructor(value) and (_is_family(name) or name.endswith("SearchCV"))


def _is_family(name: str) -> bool:
    return any(pattern.search(name) for pattern in FAMILIES.values()) or name.endswith(
        ("Classifier", "Regressor", "ClassifierCV")
    )


def _before_prints(code: str, module: ast.Module, added: str) -> str:
    """The code with lines added at its end, but before what it prints there."""
    lines = code.split("\n")
    at = len(lines)
    for statement in reversed(module.body):
        if not (isinstance(statement, ast.Expr) and called_name(statement.value) in ("print", "display")):
            break
        at = statement.lineno - 1
    return "\n".join([*lines[:at], added, *lines[at:]]).strip("\n")
