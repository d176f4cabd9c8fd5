"""A trial in a process that cannot be forked: nothing that the cell printed is lost on the way."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from mlagent_kernel import in_place
from mlagent_kernel.channel import Outbox, decode
from mlagent_kernel.job import Resources
from mlagent_kernel.runs import Workshop
from mlagent_kernel.wire import Limits, TrialSpec

PRINTED = {"output_type": "stream", "name": "stdout", "text": "rows 1000\n"}


class BurstJob:
    """A job of which a busy machine reads everything at once."""

    ending = None

    def __init__(self) -> None:
        self.inbox: deque[dict[str, Any]] = deque()
        self._news = [
            {"kind": "planned"},
            {"kind": "running"},
            {"kind": "output", "output": PRINTED},
            {"kind": "finished", "error": None},
        ]

    def request(self, _message: dict[str, Any]) -> bool:
        return True

    def watch(self, _descriptor: int, _events: int) -> None:
        pass

    def poll(self, _seconds: float) -> list[dict[str, Any]]:
        news, self._news = self._news, []
        return news


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_outputs_that_come_in_one_piece_with_the_plan_are_shown(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.set_blocking(reading, False)
    resources = Resources(tier="none", memory_bytes=1, disk_bytes=1, processes=1, output_bytes=10_000)
    workshop = Workshop(resources, os.getppid(), Outbox(writing))
    limits = Limits(5.0, memory_bytes=1, disk_bytes=1, processes=1, output_bytes=10_000, metric_seconds=5.0)
    spec = TrialSpec(fifo="", code="print('rows', 1000)", limits=limits, tier="none")
    planned, outcome = in_place._run(workshop, BurstJob(), spec, show=True)  # type: ignore[arg-type]
    assert planned["kind"] == "planned" and outcome["kind"] == "finished"
    sent = decode(os.read(reading, 10_000).strip())
    assert sent is not None and sent["output"]["text"] == "rows 1000\n"
