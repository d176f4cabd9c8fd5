"""A fresh process in the notebook's state, inside the guard, that trials grow from.

Where the state can be forked it plays the kernel for the fork engine, as often as it is asked. Where it
cannot, it is used up by one trial: the cell runs in place, and the metric is evaluated in place against
objects held from before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from . import guard, judge, replay, supervisor, trial
from .channel import LineWriter
from .job import TrialEnds
from .judge import Question
from .kernel_state import Inheritance
from .metric import plan as plans
from .metric.reading import UNVERIFIABLE
from .replay import State
from .wire import TrialSpec


def grow(state: State, confinement: guard.Confinement, ends: TrialEnds) -> None:
    """Be the stem: replay, tell how it went, then serve requests."""
    events = LineWriter(ends.events)
    Inheritance().settle(ends)
    events.send({"kind": "running"})
    os.chdir(state.cwd)
    replayed = replay.replay_and_tell(state, events, ends)
    if replayed is None:
        return
    shell, told = replayed
    with os.fdopen(ends.requests, encoding="utf-8", closefd=False, buffering=1) as requests:
        for line in requests:
            request = json.loads(line)
            if request["do"] == "cover":
                needed = replay.chosen(shell, state, request["wanted"]).values()
                events.send({"kind": "covers", "covers": set(needed) <= set(told["sources"])})
            else:
                _serve(request, shell, confinement, ends, events)


def _serve(
    request: Mapping[str, Any],
    shell: Any,
    confinement: guard.Confinement,
    ends: TrialEnds,
    events: LineWriter,
) -> None:
    spec = TrialSpec.from_json(request["spec"])
    if request["do"] == "fork":
        pid = supervisor.start(spec, shell, ends.events, confinement)
        os.waitpid(pid, 0)
        events.send({"kind": "served"})
    elif request["do"] == "cell":
        _run_in_place(spec, request.get("shuffle_seed"), shell, confinement, ends, events)
    else:
        _read_in_place(spec, bool(request.get("draws")), shell, events)


def _run_in_place(
    spec: TrialSpec,
    shuffle_seed: int | None,
    shell: Any,
    confinement: guard.Confinement,
    ends: TrialEnds,
    events: LineWriter,
) -> None:
    plan, problem = _plan(spec, shell)
    events.send(
        {
            "kind": "planned",
            "problem": problem,
            "untouched": plan is not None and not plan.taken,
            "auditable": plan is not None and not plan.on_features and bool(plan.taken),
            "names": list(plan.truth or plan.undecided) if plan is not None else [],
        }
    )
    assert spec.code is not None
    order = trial.Order(spec.code, plan, spec.reseed, shuffle_seed)
    trial.run(order, shell, Inheritance(), confinement, ends)


def _read_in_place(spec: TrialSpec, draws: bool, shell: Any, events: LineWriter) -> None:
    plan, problem = _plan(spec, shell)
    if plan is None:
        events.send({"kind": "judged", "value": None, "reason": problem})
        return
    question = Question(plan, draws=draws, seconds=spec.limits.metric_seconds / 2)
    events.send({"kind": "judged", **judge.answer(question, shell.user_ns)})


def _plan(spec: TrialSpec, shell: Any) -> tuple[plans.Plan | None, str]:
    if spec.metric is None:
        return None, ""
    plan, problem = plans.try_make(spec.metric.expression, shell.user_ns)
    if plan is not None and not plan.verifiable:
        return plan, UNVERIFIABLE
    return plan, problem
