"""Why the winning path won, in one paragraph: from the trials, not from a model's imagination."""

from __future__ import annotations

from jupyter_mlagent.agent.failures import counted, kind_of_trial
from jupyter_mlagent.agent.prediction import calibration
from jupyter_mlagent.search.node import Node
from jupyter_mlagent.search.tree import ROOT, Tree
from jupyter_mlagent.search.value import is_better


def explain(tree: Tree) -> str:
    """What the search tried, what each step of the best path brought, and what came next best."""
    steps = tree.nodes[1:]
    if not steps:
        return "Nothing was tried."
    best = tree.best
    if best is None:
        return f"None of {_count(len(steps), 'step')} bettered the notebook. {_failures(steps)}".strip()
    sentences = [
        f"Of {_count(len(steps), 'step')} tried, {_count(len(tree.best_path), 'cell')} "
        f"took the metric from {_number(tree.nodes[ROOT].metric)} to {_number(best.metric)}.",
        *_contributions(tree),
        _runner_up(tree, best),
        _failures(steps),
        _foresight(steps),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _contributions(tree: Tree) -> list[str]:
    before, told = tree.nodes[ROOT].metric, []
    for node in tree.best_path:
        assert node.proposal is not None
        plan = " ".join(node.proposal.plan.split()).rstrip(".")
        told.append(f"'{plan}' took it from {_number(before)} to {_number(node.metric)}.")
        before = node.metric
    return told


def _runner_up(tree: Tree, best: Node) -> str:
    """The best state that is neither on the path nor below its end."""
    on_path = {node.id for node in tree.lineage(best.id)}
    found: Node | None = None
    for node in tree.nodes[1:]:
        beside = node.id not in on_path and best not in tree.lineage(node.id)
        if node.works and beside and is_better(node.metric, found.metric if found else None, tree.direction):
            found = node
    if found is None or found.proposal is None:
        return ""
    plan = " ".join(found.proposal.plan.split()).rstrip(".")
    return f"The next best branch, '{plan}', reached {_number(found.metric)}."


def _failures(steps: list[Node]) -> str:
    kinds = [kind for node in steps if node.trial is not None and (kind := kind_of_trial(node.trial))]
    return f"{_count(len(kinds), 'step')} failed: {counted(kinds)}." if kinds else ""


def _foresight(steps: list[Node]) -> str:
    """How good the predictions were that were made before the trials."""
    found = calibration(
        [
            (node.proposal.predicted, node.metric if node.works else None)
            for node in steps
            if node.proposal is not None and node.proposal.predicted is not None and node.scored
        ]
    )
    if found is None:
        return ""
    return (
        f"The metric was predicted before {_count(found.count, 'trial')} that ran, "
        f"{found.mean_absolute_error:.3g} ({found.mean_relative_error:.1%}) off on average; "
        f"{found.inside:.0%} of the outcomes lay inside the interval."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _number(value: float | None) -> str:
    return "unreadable" if value is None else f"{value:.5g}"
