"""`%mlagent` in a real kernel: the session inside it forks the kernel that it runs in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlagent.kernel import LocalKernel

METRIC = "accuracy_score(y_val, model.predict(X_val))"
Cell = Callable[[str], Coroutine[Any, Any, str]]


@pytest.fixture
async def cell(
    environment: dict[str, str], monkeypatch, tmp_path: Path, setup_source: str, score_source: str
) -> AsyncIterator[Cell]:
    """Run a cell in a kernel that holds a weak model; returns all that it said."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with LocalKernel(cwd=tmp_path) as kernel:

        async def run(source: str) -> str:
            done = await kernel.run_cell(source)
            assert done.error is None, done.error
            return "".join(
                str(output.get("text") or output.get("data", {}).get("text/plain", ""))
                for output in done.outputs
            )

        for source in ("%load_ext jupyter_mlagent", setup_source, score_source):
            await run(source)
        yield run


async def test_an_accepted_proposal_runs_here_as_it_was_tried(cell: Cell, endpoint: str) -> None:
    await cell(f'%mlagent suggest --model {endpoint} --candidates 1 --metric "{METRIC}" --maximize')
    assert "RandomForestClassifier" in await cell("%mlagent show 1")

    said = await cell("%mlagent accept 1")

    assert "as tried" in said
    assert "RandomForestClassifier" in await cell("type(model).__name__")
    assert "RandomForestClassifier" in await cell("[line for line in In if 'n_estimators' in line][0]")


async def test_suggesting_leaves_the_variables_alone(cell: Cell, endpoint: str) -> None:
    names = await cell("sorted(name for name in globals() if not name.startswith('_'))")
    await cell(f'%mlagent suggest --model {endpoint} --candidates 1 --metric "{METRIC}" --maximize')
    assert await cell("sorted(name for name in globals() if not name.startswith('_'))") == names
    assert "DecisionTreeClassifier" in await cell("type(model).__name__")


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("%mlagent accept 3", "run %mlagent suggest first"),
        ("%mlagent dance", "invalid choice"),
        ("%mlagent suggest --model nope-13b --metric 'f(y)' --maximize", "nope-13b"),
    ],
)
async def test_mistakes_are_one_sentence(cell: Cell, command: str, words: str) -> None:
    said = await cell(command)
    assert words in said
    assert "Traceback" not in said
