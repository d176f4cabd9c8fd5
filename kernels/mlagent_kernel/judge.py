"""The judge: a process forked from pristine memory that reads the metric, or scores a result for the audit.

It restores data of the cell from trusted classes, runs under the same guard as a trial, and lives for one
question.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .channel import LineWriter
from .job import TrialEnds
from .kernel_state import Inheritance
from .metric import following, labels, parting, reach
from .metric.plan import Plan
from .metric.reading import Goods, Reader, Shipment, evaluate, unpack
from .wire import Message

_NULL_SEED = 7_919


@dataclass(frozen=True)
class Question:
    plan: Plan
    shipments: tuple[Shipment, ...] = ()
    """What the trial sent: nothing (read the metric as the kernel stands), its objects, or those and then
    parts.
    """
    source: str = ""
    """The cell, transformed by IPython: also tell whether it could have seen the labels, if the metric
    improved.
    """
    sign: int = 1
    before: float | None = None
    shuffle_seed: int | None = None
    """Score against labels shuffled by this seed."""
    draws: bool = False
    """Also score the same predictions against further permutations."""
    seconds: float = 30.0
    """For the draws."""


def run(
    question: Question | None,
    namespace: dict[str, Any],
    inheritance: Inheritance,
    ends: TrialEnds,
) -> None:
    """Be the judge in a freshly forked, confined process; without a question, wait for it first."""
    events = LineWriter(ends.events)
    inheritance.settle(ends)
    # The kernel's streams wait seconds for a thread that this copy lacks; warnings are no part of a score.
    sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
    with os.fdopen(ends.requests, encoding="utf-8") as requests:
        if question is None:
            told = requests.readline()
            if not told:
                return
            question = pickle.loads(_all_of(ends.payload, json.loads(told)["bytes"]))  # noqa: S301
        events.send({"kind": "running"})
        events.send({"kind": "judged", **answer(question, namespace)})
        requests.read()


def _all_of(file: int, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += os.pread(file, size - len(found), len(found))
    return found


def answer(question: Question, namespace: dict[str, Any]) -> Message:
    """Answer in this process, whose namespace is changed by it."""
    try:
        return _Judge(question, namespace).answer()
    except LookupError as error:
        return {"value": None, "reason": str(error)}


class _Judge:
    def __init__(self, question: Question, namespace: dict[str, Any]) -> None:
        self._question = question
        self._plan = question.plan
        self._namespace = namespace
        self._places: list[labels.Place] | None = None

    def answer(self) -> Message:
        shipments = self._question.shipments
        goods = unpack(shipments[0], self._namespace) if shipments else Goods()
        arrived = unpack(shipments[1], self._namespace) if len(shipments) > 1 else Goods()
        reader = Reader(self._plan, self._namespace, goods)
        expected = reader.parts() if reader.away else []
        if reader.away and len(shipments) < 2:
            return {"away": {name: goods.away[name] for name in sorted(reader.away)}, "parts": expected}
        names = [f"{parting.PART}{index}" for index in range(len(expected or ()))]
        absent = [name for name in names if name not in arrived.values]
        if absent:
            return {"value": None, "reason": "What the model predicts could not be brought out of the trial."}
        goods.values.update(arrived.values)
        reason = reader.problem() if shipments else ""
        if reason:
            return {"value": None, "reason": reason}
        return {**self._measure(reader, arrived.values), "outside": bool(arrived.values)}

    def _measure(self, reader: Reader, parts: dict[str, Any]) -> Message:
        question = self._question
        if question.shuffle_seed is not None:
            labels.shuffle(self._find(), question.shuffle_seed)
        code, bound = reader.compile(parts)
        value, reason = evaluate(code, self._namespace, bound)
        answer: Message = {"value": value, "reason": reason}
        if value is None:
            return answer
        improved = question.before is None or question.sign * (value - question.before) > 0
        if question.source and improved:
            answer["places"] = len(self._find())
            answer["could_see"] = reach.could_see_labels(question.source, self._namespace, self._find())
        if question.draws:
            answer["draws"] = self._draws(reader, code, bound)
            answer["places"] = len(self._find())
        return answer

    def _find(self) -> list[labels.Place]:
        if self._places is None:
            self._places = labels.find(self._namespace, self._plan.truth, self._plan.truth_columns)
        return self._places

    def _draws(self, reader: Reader, code: Any, bound: dict[str, Any]) -> list[float]:
        """Scores of the same predictions against other permutations, as many as the time allows."""
        deadline = time.monotonic() + self._question.seconds
        with contextlib.suppress(Exception):  # a model that predicts only within the whole expression
            code, bound = reader.predicted() or (code, bound)
        found: list[float] = []
        for draw in range(following.DRAWS):
            labels.shuffle(self._find(), _NULL_SEED + draw)
            value, _ = evaluate(code, self._namespace, bound)
            if value is not None:
                found.append(value)
            if time.monotonic() > deadline:
                break
        return found
