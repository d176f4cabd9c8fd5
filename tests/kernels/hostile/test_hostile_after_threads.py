"""Kernels whose libraries do not survive a fork: trials neither hang nor lie, they take another way."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlagent.records import TryEngine

pytestmark = pytest.mark.asyncio(loop_scope="module")

POLARS = """
import polars as pl
frame = pl.DataFrame({"a": list(range(1000)) * 2})
groups = frame.group_by("a").agg(pl.len())
"""
CUDA = """
import types
if "torch" not in sys.modules:
    torch = sys.modules["torch"] = types.ModuleType("torch")
    torch.cuda = types.SimpleNamespace(is_initialized=lambda: True)
"""


@pytest.mark.parametrize("arena", ["namespaces"], indirect=True)
@pytest.mark.parametrize(
    ("before", "cell", "after"),
    [
        # polars comes last: its threads stay with the kernel.
        (CUDA, "print('rows', 1000)", "del sys.modules['torch'], torch"),
        (POLARS, "print('rows', frame.group_by('a').agg(pl.len()).height)", ""),
    ],
    ids=["CUDA", "polars"],
)
async def test_a_cell_after_what_no_fork_survives(
    arena: Any, before: str, cell: str, after: str, request: pytest.FixtureRequest
) -> None:
    await arena.run(before)
    state = await arena.kernel_state()
    for _ in range(2):
        trial = await arena.attempt(cell, seconds=60.0)
        assert trial.status == "ok", trial.reason
        assert trial.engine is TryEngine.FRESH
        assert request.node.callspec.id.partition("-")[0] in trial.reason
        assert "rows 1000" in str(trial.outputs)
    assert await arena.kernel_state() == state
    await arena.run(after)
