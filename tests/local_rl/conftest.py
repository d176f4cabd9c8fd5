"""A small task whose notebook runs in a moment, an environment over it, and a small policy that learns."""

from __future__ import annotations

import json
import textwrap
from collections.abc import AsyncIterator, Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jupyter_mlagent.records import Anchor, Operator, Proposal, source_hash
from local_rl.environment.environment import Environment, EnvSettings
from local_rl.tasks.folder import TaskFolder

if TYPE_CHECKING:
    from local_rl.policy.loading import Policy

CELLS = (
    "import random\nimport numpy as np\n"
    "table = np.loadtxt('public/train.csv', delimiter=',', skiprows=1)\n"
    "X_train, y_train, X_val, y_val = table[:40, 1:2], table[:40, 2], table[40:, 1:2], table[40:, 2]",
    "from sklearn.dummy import DummyRegressor\n\nmodel = DummyRegressor().fit(X_train, y_train)",
    "from sklearn.metrics import mean_absolute_error\n\n"
    "print(f'validation mae: {mean_absolute_error(y_val, model.predict(X_val)):.3f}')",
    "guesses = model.predict([[50], [60]])\n"
    "with open('submission.csv', 'w') as file:\n"
    "    file.write('id,y\\n' + ''.join(f'{i},{y}\\n' for i, y in zip((80, 81), guesses)))",
)
FILES = {
    "task.toml": """
        id = "line"
        title = "A line"
        description = "Predict y from x."
        metric = "rmse"
        direction = "minimize"
        expression = "mean_absolute_error(y_val, model.predict(X_val))"

        [measured]
        baseline = 65.0
        reference = 5.0
    """,
    "prepare.py": """
        def prepare(public, private):
            rows = [(i, i * 37 % 83, 2 * (i * 37 % 83) + i * 53 % 7) for i in range(80)]
            (public / "train.csv").write_text("id,x,y\\n" + "".join(f"{i},{x},{y}\\n" for i, x, y in rows))
            (private / "answers.csv").write_text("id,y\\n80,103\\n81,123\\n")
    """,
    "grade.py": """
        from local_rl.tasks.scores import rmse
        from local_rl.tasks.submission import numbers

        def grade(submission, answers):
            return rmse(*numbers(submission, answers, "y"))
    """,
}


@pytest.fixture
def line_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TaskFolder:
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path / "home"))
    folder = tmp_path / "line"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(textwrap.dedent(text).lstrip())
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{place}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for place, source in enumerate(CELLS)
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "starter.ipynb").write_text(json.dumps(notebook))
    return TaskFolder.open(folder)


@pytest.fixture
async def env(line_task: TaskFolder) -> AsyncIterator[Environment]:
    async with Environment(line_task, EnvSettings(live_states=8)) as made:
        yield made


@pytest.fixture
def proposal() -> Callable[[str], Proposal]:
    def make(code: str) -> Proposal:
        return Proposal(
            id=source_hash(code)[:8],
            operator=Operator.IMPROVE,
            plan="Another slope.",
            code=code,
            source_hash=source_hash(code),
            anchor=Anchor(cell_id="", source_hash=source_hash("")),
        )

    return make


@pytest.fixture(scope="session")
def training_stack() -> Any:
    """Unsloth, imported first as everywhere."""
    if find_spec("unsloth") is None or find_spec("torch") is None:
        pytest.skip("Unsloth is not installed; `make rl` installs it.")
    from local_rl.policy.stack import load_unsloth

    return load_unsloth()


@pytest.fixture(scope="session")
def small_policy(training_stack: Any) -> Policy:
    """SmolLM2-135M with a small adapter; tests put its values back."""
    from jupyter_mlagent.engine.catalog import resolve
    from jupyter_mlagent.errors import ModelError
    from local_rl.policy.config import PolicyConfig
    from local_rl.policy.loading import load_policy

    try:
        resolve("smollm2-135m")
    except ModelError as error:
        pytest.skip(str(error))
    return load_policy(PolicyConfig(model="smollm2-135m", rank=4, alpha=8, max_tokens=512))
