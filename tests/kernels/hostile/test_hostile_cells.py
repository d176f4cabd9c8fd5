"""Hostile cells against a real kernel: each ends in the right status, within its limit, and leaves nothing.

The cells are data: cells.toml. After each the kernel (variables, random state, history, open files, figures,
limits ...), every file, the listener and the list of processes are as before, and the next trial works.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jupyter_mlagent.records import Guard, Trial

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PATIENCE_SECONDS = 120
_READABLE = 2000


def text_of(trial: Trial) -> str:
    """What a person would read of a trial, tracebacks aside."""
    said = [str(output.get("text", output.get("data", ""))) for output in trial.outputs]
    error = f"{trial.error.name}: {trial.error.value}" if trial.error else ""
    return "\n".join([*said, trial.reason, error])


def expected_statuses(cell: Any, tier: str) -> list[str]:
    if tier == "landlock" and cell.landlock is not None:
        return list(cell.landlock)
    if os.geteuid() != 0 and cell.user is not None:
        return list(cell.user)
    return list(cell.status)


def complaints(cell: Any, trial: Trial, arena: Any) -> list[str]:
    """What is wrong with a trial's report."""
    found = []
    allowed = expected_statuses(cell, arena.tier)
    if trial.status not in allowed:
        found.append(f"status {trial.status}, expected {allowed}")
    if trial.guard is not Guard(arena.tier):
        found.append(f"guard {trial.guard}")
    if trial.status == cell.status[0]:
        if not re.search(cell.reason, text_of(trial)):
            found.append(f"no word of {cell.reason!r}")
        if cell.prints not in text_of(trial):
            found.append(f"did not print {cell.prints!r}")
    if arena.tier == "namespaces":
        changes = {file.path.rsplit("/", 1)[-1]: file.change for file in trial.side_effects.files}
        told = {name: changes.get(name) for name in cell.effect}
        if told != cell.effect:
            found.append(f"told of {told}, expected {cell.effect}")
        if cell.network not in "\n".join(trial.side_effects.network):
            found.append(f"network {trial.side_effects.network}, expected {cell.network}")
    return found + complaints_about_value(cell, trial.metric_after, arena.accuracy)


def complaints_about_value(cell: Any, value: float | None, honest: float) -> list[str]:
    right = {
        "": True,
        "same": value is not None and abs(value - honest) < 1e-9,
        "better": value is not None and value > honest + 0.05,
        "not better": value is None or value <= honest + 0.02,
        "none": value is None,
    }
    return [] if right[cell.value] else [f"metric {value}, expected {cell.value} (it was {honest})"]


def differences(before: Any, now: Any, where: str = "") -> list[str]:
    """The places where two states differ, with what stood there, short enough to read."""
    if before == now:
        return []
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [*before, *(key for key in now if key not in before)]
        return [line for key in keys for line in differences(before.get(key), now.get(key), f"{where}/{key}")]
    if isinstance(before, list) and isinstance(now, list):
        before, now = (
            [x for x in before if x not in now] or before,
            [x for x in now if x not in before] or now,
        )
    return [f"{where}: {before!r:.200} -> {now!r:.200}"]


async def attack(arena: Any, cell: Any, attempt: Callable[..., Awaitable[Trial]]) -> None:
    if cell.before:
        await arena.run(cell.before)
    kernel, disk = await arena.kernel_state(), arena.disk_state()
    metric = arena.metric if cell.value else None
    trial = await asyncio.wait_for(attempt(cell.cell, metric, **cell.limits), _PATIENCE_SECONDS)
    wrong = complaints(cell, trial, arena)
    wrong += differences(kernel, await arena.kernel_state(), "kernel")
    wrong += differences(disk, arena.disk_state(), "disk")
    wrong += [f"left behind: {path}" for path in arena.traces()]
    wrong += [f"still running: {process}" for process in arena.strangers()]
    wrong += [f"heard: {message}" for message in arena.listener.heard]
    arena.listener.heard.clear()
    if cell.undo:
        await arena.run(cell.undo)
    after = await arena.attempt("print('the next trial works')")
    if after.status != "ok" or "the next trial works" not in text_of(after):
        wrong.append(f"the next trial: {after.status} {text_of(after)}")
    if wrong:
        pytest.fail("\n".join([*wrong, "", "The trial said:", text_of(trial)[-_READABLE:]]), pytrace=False)


async def test_hostile_cell(arena: Any, hostile: Any) -> None:
    await attack(arena, hostile, arena.attempt)


async def test_hostile_cell_in_a_copy_made_ready(arena: Any, hostile: Any) -> None:
    await attack(arena, hostile, arena.attempt_in_ready_copy)


async def test_hostile_cell_where_namespaces_are_forbidden(arena: Any, hostile: Any) -> None:
    await attack(arena, hostile, arena.attempt)


test_hostile_cell.tiers = ["namespaces"]  # type: ignore[attr-defined]
test_hostile_cell_in_a_copy_made_ready.tiers = ["namespaces"]  # type: ignore[attr-defined]
test_hostile_cell_in_a_copy_made_ready.few = True  # type: ignore[attr-defined]
test_hostile_cell_where_namespaces_are_forbidden.tiers = ["landlock"]  # type: ignore[attr-defined]
