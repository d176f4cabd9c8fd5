"""What holds other estimators gets them, and they get the arguments that were meant for them.

Small models write the members of an ensemble and then forget to hand them over, and put an argument of a
pipeline's model behind the pipeline's own parenthesis: `make_pipeline(StandardScaler(), SVC(), C=10)`.
"""

from __future__ import annotations

import ast

from jupyter_mlagent.agent.arguments import Parameters, taken_by
from jupyter_mlagent.agent.names import names_of
from jupyter_mlagent.agent.source import Places, mended
from jupyter_mlagent.reward.expressions import called_name, calls

_PIPELINE_ARGUMENTS = frozenset({"memory", "verbose", "transform_input"})
_LEAST_MEMBERS = 2


def with_whole_compositions(code: str) -> str:
    """The cell with its ensembles filled and its pipelines' arguments where they belong.

    Code that is not plain Python comes back as it is.
    """
    return mended(
        code, lambda code, module: _with_members(code, module) or _with_step_arguments(code, module)
    )


def _with_members(code: str, module: ast.Module) -> str | None:
    """With the first ensemble filled that has no members; None where there is none, or no members."""
    members = [
        statement.targets[0].id
        for statement in module.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and are_members(statement.value)
    ]
    own = names_of(code)
    for call in calls(module) if members else []:
        taken = taken_by(call, own)
        if taken is None or taken.positional[:1] != ("estimators",) or call.args:
            continue
        if all(keyword.arg not in ("estimators", None) for keyword in call.keywords):
            places = Places(code)
            opened = places.source.index(b"(", places.end(call.func)) + 1
            places.replace(opened, opened, members[-1] + (", " if call.keywords else ""))
            return places.text
    return None


def are_members(value: ast.expr) -> bool:
    """Whether it is a list of two or more (name, estimator) pairs."""
    return (
        isinstance(value, ast.List)
        and len(value.elts) >= _LEAST_MEMBERS
        and all(
            isinstance(pair, ast.Tuple)
            and len(pair.elts) == 2
            and isinstance(pair.elts[0], ast.Constant)
            and isinstance(pair.elts[0].value, str)
            for pair in value.elts
        )
    )


def _with_step_arguments(code: str, module: ast.Module) -> str | None:
    """With the first pipeline's argument moved or left out that is not its own; None where there is none."""
    own = names_of(code)
    for call in calls(module):
        step = call.args[-1] if called_name(call) == "make_pipeline" and call.args else None
        taken = taken_by(step, own) if isinstance(step, ast.Call) else None
        if taken is None or not isinstance(step, ast.Call):
            continue
        for keyword in call.keywords:
            if keyword.arg is not None and keyword.arg not in _PIPELINE_ARGUMENTS:
                return _moved(code, keyword, step, taken)
    return None


def _moved(code: str, keyword: ast.keyword, step: ast.Call, taken: Parameters) -> str:
    places = Places(code)
    start, end = places.start(keyword), places.end(keyword)
    written = places.source[start:end].decode()
    places.replace(places.source.rindex(b",", 0, start), end, "")
    given = {*taken.positional[: len(step.args)], *(one.arg for one in step.keywords)}
    if keyword.arg in {*taken.positional, *taken.keyword} - given:
        closed = places.end(step) - 1
        places.replace(closed, closed, f", {written}" if step.args or step.keywords else written)
    return places.text
