"""Copies of a kernel made before it is known what to try in them: the same trials, and never a stale one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest
import pytest_asyncio

from jupyter_mlagent.records import Direction, Metric, TrialStatus
from jupyter_mlagent.trial import runner
from jupyter_mlagent.trial.api import TrialLimits, prepared

pytestmark = pytest.mark.asyncio(loop_scope="module")

ERROR = Metric(expression="abs(truth - guess).mean()", direction=Direction.MINIMIZE)
SETUP = """
import random
import numpy as np
truth = np.arange(10.0)
guess = np.full(10, 7.0)
random.seed(5)
np.random.seed(5)
"""
LIMITS = TrialLimits(seconds=30.0)


@pytest_asyncio.fixture(loop_scope="module")
async def ready(notebook: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[bool]]:
    """Whether each trial since found a copy that waited for it; the kernel is in the state of SETUP."""
    await notebook.run(SETUP)
    found: list[bool] = []
    real = runner.call

    async def call(link: Any, function: str, argument: dict[str, Any]) -> dict[str, Any]:
        answer = await real(link, function, argument)
        if function == "start":
            found.append(bool(answer.get("ready")))
        return answer

    monkeypatch.setattr(runner, "call", call)
    yield found
    await notebook.trials.close()


async def test_trials_in_ready_copies_measure_the_same_and_know_nothing_of_each_other(
    notebook: Any, ready: list[bool]
) -> None:
    cells = [
        "guess = guess - 2.5; x = random.random(), np.random.rand(); print(x)",
        "print('x' in globals())",
    ]
    plain = [await notebook.attempt(cell, ERROR, metric_before=3.1) for cell in cells]
    async with prepared(notebook.trials, ERROR, LIMITS):
        tried = [await notebook.attempt(cell, ERROR, metric_before=3.1) for cell in (*cells, *cells)]
    assert ready == [False, False, True, True, True, True]
    for trial, other in zip(tried, [*plain, *plain], strict=True):
        assert (trial.status, trial.metric_after, trial.outputs) == (
            TrialStatus.OK,
            other.metric_after,
            other.outputs,
        )
    assert [trial.metric_after for trial in plain] == [2.5, 3.1]
    assert await notebook.text("print('x' in globals(), guess[0])") == "False 7.0\n"


@pytest.mark.parametrize("change", ["guess = guess + 1", "get_ipython().kernel.session.msg_id"])
async def test_a_kernel_that_did_anything_meanwhile_is_copied_anew(
    notebook: Any, ready: list[bool], change: str
) -> None:
    """Whatever made the kernel send a message, be it a slider that was moved."""
    async with prepared(notebook.trials, ERROR, LIMITS):
        await notebook.link.evaluate(f"[exec({change!r}, get_ipython().user_ns), 'done'][1]")
        trial = await notebook.attempt("print(guess[0])", ERROR, metric_before=3.1)
    assert ready == [False]
    assert trial.metric_after == (3.7 if "guess" in change else 3.1)


async def test_another_metric_and_other_limits_are_served_too(notebook: Any, ready: list[bool]) -> None:
    other = Metric(expression="abs(truth - guess).max()", direction=Direction.MINIMIZE)
    async with prepared(notebook.trials, ERROR, LIMITS):
        first = await notebook.attempt("guess = guess - 2.5", other, metric_before=7.0)
        second = await notebook.attempt("while True: pass", ERROR, metric_before=3.1, seconds=1.0)
    assert (first.metric_after, second.status) == (4.5, TrialStatus.TIMEOUT)
    assert ready == [True, False]


@pytest.mark.parametrize(
    ("cell", "status"),
    [
        ("while True: pass", TrialStatus.TIMEOUT),
        ("held = bytearray(3 << 30)", TrialStatus.OUT_OF_MEMORY),
        ("import os; os._exit(3)", TrialStatus.ERROR),
    ],
)
async def test_after_a_bad_end_the_next_copy_is_ready(
    notebook: Any, ready: list[bool], cell: str, status: TrialStatus
) -> None:
    limits = {"seconds": 2.0, "memory_bytes": 1 << 30}
    async with prepared(notebook.trials, None, TrialLimits(**limits)):
        trials = [await notebook.attempt(code, None, **limits) for code in (cell, "print('next')")]
    assert [trial.status for trial in trials] == [status, TrialStatus.OK]
    assert ready == [True, True]


async def test_copies_that_ended_while_they_waited_are_not_missed(notebook: Any, ready: list[bool]) -> None:
    async with prepared(notebook.trials, ERROR, LIMITS):
        for child in psutil.Process((await notebook.trials.probe()).pid).children():
            child.kill()
            while child.status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0)
        trial = await notebook.attempt("guess = guess - 2.5", ERROR, metric_before=3.1)
    assert ready == [False]
    assert trial.metric_after == 2.5


async def test_nothing_waits_after_the_release(notebook: Any, ready: list[bool]) -> None:
    del ready
    count = "import psutil; print(len(psutil.Process().children(recursive=True)), psutil.Process().num_fds())"
    before = await notebook.text(count)
    async with prepared(notebook.trials, ERROR, LIMITS):
        await notebook.attempt("print(1)", ERROR, metric_before=3.1)
    await notebook.trials.close()
    assert await notebook.text(count) == before
