"""A miniature task folder, made anew for each test, and data folders that no test shares with the machine."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

MINIATURE = {
    "task.toml": """
        id = "miniature"
        title = "A miniature"
        description = "Predict y from x."
        metric = "rmse"
        direction = "minimize"
    """,
    "prepare.py": """
        def prepare(public, private):
            (public / "train.csv").write_text("id,x,y\\n" + "".join(f"{i},{i},{2 * i}\\n" for i in range(20)))
            (public / "test.csv").write_text("id,x\\n20,50\\n21,60\\n")
            (private / "answers.csv").write_text("id,y\\n20,100\\n21,120\\n")
    """,
    "grade.py": """
        from local_rl.tasks.scores import rmse
        from local_rl.tasks.submission import numbers

        def grade(submission, answers):
            return rmse(*numbers(submission, answers, "y"))
    """,
}
STARTER = """
    from pathlib import Path

    Path("submission.csv").write_text("id,y\\n20,100\\n21,119\\n")
"""


def notebook_text(*cells: str) -> str:
    made = [
        {
            "cell_type": "code",
            "id": f"cell-{place}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": textwrap.dedent(source),
        }
        for place, source in enumerate(cells)
    ]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Minutes of training are run when asked for: `pytest tests/local_rl/tasks -m slow`."""
    if "slow" in str(config.option.markexpr):
        return
    for item in items:
        if item.path.parent == Path(__file__).parent and item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="trains for minutes; run it with -m slow"))


@pytest.fixture
def notebook() -> Callable[..., str]:
    """Writes a notebook of code cells, as JSON."""
    return notebook_text


@pytest.fixture(scope="session")
def suite_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache for the bundled tasks: preparing them once serves every test."""
    return tmp_path_factory.mktemp("suite-home")


@pytest.fixture
def with_suite_cache(suite_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLAGENT_HOME", str(suite_home))


@pytest.fixture
def make_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes the miniature task; keyword arguments replace a file's text, None leaves the file out."""
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path / "home"))

    def make(files: dict[str, str | None] | None = None) -> Path:
        folder = tmp_path / "task"
        folder.mkdir()
        wanted = {**MINIATURE, "starter.ipynb": notebook_text(STARTER), **(files or {})}
        for name, text in wanted.items():
            if text is not None:
                (folder / name).write_text(
                    text if name.endswith(".ipynb") else textwrap.dedent(text).lstrip()
                )
        return folder

    return make
