"""Scripted users of known taste: what they say of a proposal, always for the same reason.

They stand in for people where it is measured whether a policy learns a taste: the more of its proposals they
accept as they are, the better it knows them. What they like says nothing about the metric.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from jupyter_mlagent.agent.source import parse_cell
from jupyter_mlagent.records import Proposal, Record, Verdict

SEARCHES = ("SearchCV",)
PLOTS = ("plt", "sns", "px", "plotly", "seaborn")


class Said(Record):
    verdict: Verdict
    edited: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class User:
    name: str
    judge: Callable[[Proposal], Said]


def no_searches(proposal: Proposal) -> Said:
    """Rejects every search over a grid or at random."""
    named = _names(proposal.code)
    if any(name.endswith(SEARCHES) or name == "ParameterGrid" for name in named):
        return Said(verdict=Verdict.REJECTED, reason="no searches")
    return Said(verdict=Verdict.ACCEPTED)


def named_pipelines(proposal: Proposal) -> Said:
    """Wants pipelines whose steps have names: `Pipeline([("scale", ...)])`, not `make_pipeline`."""
    named = _names(proposal.code)
    if "make_pipeline" in named or "Pipeline" not in named:
        return Said(verdict=Verdict.REJECTED, reason="a pipeline with named steps")
    return Said(verdict=Verdict.ACCEPTED)


def no_plots(proposal: Proposal) -> Said:
    """Takes plots out, and keeps the rest; rejects what is nothing but a plot."""
    edited = without_plots(proposal.code)
    if edited == proposal.code:
        return Said(verdict=Verdict.ACCEPTED)
    if not edited.strip():
        return Said(verdict=Verdict.REJECTED, reason="nothing but a plot")
    return Said(verdict=Verdict.EDITED, edited=edited, reason="no plots")


USERS = (
    User("no searches", no_searches),
    User("named pipelines", named_pipelines),
    User("no plots", no_plots),
)


def user(name: str) -> User:
    """Raises KeyError for a name there is not."""
    return {each.name: each for each in USERS}[name]


def without_plots(code: str) -> str:
    """The cell without the statements that plot; the others keep their lines as they are."""
    module = parse_cell(code)
    if module is None:
        return code
    lines = code.split("\n")
    for statement in module.body:
        if _plots(statement):
            start, end = statement.lineno - 1, statement.end_lineno or statement.lineno
            lines[start:end] = [""] * (end - start)
    kept = "\n".join(lines)
    return code if kept == code else "\n".join(line for line in kept.split("\n") if line.strip())


def _plots(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Import | ast.ImportFrom):
        module = statement.module or "" if isinstance(statement, ast.ImportFrom) else statement.names[0].name
        return module.partition(".")[0] in ("matplotlib", *PLOTS)
    if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return False
    return any(
        (isinstance(node, ast.Name) and node.id in PLOTS)
        or (
            isinstance(node, ast.Attribute)
            and node.attr in ("plot", "hist", "show")
            and _called(statement, node)
        )
        for node in ast.walk(statement)
    )


def _called(statement: ast.stmt, attribute: ast.Attribute) -> bool:
    return any(isinstance(node, ast.Call) and node.func is attribute for node in ast.walk(statement))


def _names(code: str) -> set[str]:
    module = parse_cell(code)
    if module is None:
        return set()
    called = [node.func for node in ast.walk(module) if isinstance(node, ast.Call)]
    return {
        func.id if isinstance(func, ast.Name) else func.attr
        for func in called
        if isinstance(func, ast.Name | ast.Attribute)
    }
