"""What becomes of a cell that is tried: its status, its metric under every guard, the kernel afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from jupyter_mlagent.records import Direction, Guard, Metric, TrialStatus, TryEngine
from jupyter_mlagent.trial.api import TrialLimits
from jupyter_mlagent.trial.runner import KernelTrials

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCURACY = Metric(expression="accuracy_score(y_val, model.predict(X_val))", direction=Direction.MAXIMIZE)
CLASSIFIER = """
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split

X_train, X_val, y_train, y_val = train_test_split(*load_iris(return_X_y=True), random_state=0)
model = DummyClassifier().fit(X_train, y_train)
"""
BETTER = "model = LogisticRegression(max_iter=500).fit(X_train, y_train)"


@pytest.fixture
async def classifier(notebook: Any) -> Any:
    await notebook.run(CLASSIFIER)
    return notebook


@pytest.mark.parametrize("tier", list(Guard))
async def test_the_metric_is_read_under_every_guard(classifier: Any, tier: Guard) -> None:
    """A model of the cell travels to the judge, whatever the guard around both allows."""
    await classifier.run(f"import os; os.environ['MLAGENT_GUARD'] = {tier.value!r}")
    try:
        trials = KernelTrials(classifier.link)
        if (await trials.probe()).guard is not tier:
            pytest.skip(f"the guard {tier.value} does not work here")
        before = (await trials.read_metric(ACCURACY, TrialLimits())).value
        trial = await trials.try_cell(
            BETTER, ACCURACY, TrialLimits(), metric_before=before, allow_unguarded=True
        )
        assert trial.status is TrialStatus.OK
        assert before is not None and trial.metric_after is not None, trial.reason
        assert trial.metric_after > before
        assert await classifier.text("print(type(model).__name__)") == "DummyClassifier\n"
    finally:
        await classifier.run("del os.environ['MLAGENT_GUARD']")


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("1 / 0", TrialStatus.ERROR),
        ("while True: pass", TrialStatus.TIMEOUT),
        ("held = bytearray(3 << 30)", TrialStatus.OUT_OF_MEMORY),
        ("import os; os._exit(3)", TrialStatus.ERROR),
        ("import os; os.remove('/etc/hostname')", TrialStatus.BLOCKED),
        ("import subprocess; subprocess.Popen(['sleep', '600']); 'left behind'", TrialStatus.OK),
    ],
)
async def test_a_cell_ends_in_the_status_it_earned(notebook: Any, code: str, status: TrialStatus) -> None:
    count = await notebook.text("print(get_ipython().execution_count)")
    trial = await notebook.attempt(code, seconds=3.0, memory_bytes=1 << 30)
    if status is TrialStatus.BLOCKED and trial.status is TrialStatus.OK:
        assert [file.change for file in trial.side_effects.files] == ["deleted"]
    else:
        assert trial.status is status, trial
    after = await notebook.text("print(get_ipython().execution_count)")
    assert int(after) == int(count) + 1
    assert await notebook.text("import os; print(os.path.exists('/etc/hostname'))") == "True\n"
    left = await notebook.text(
        "import psutil; print([p.name() for p in psutil.Process().children(recursive=True)])"
    )
    assert "sleep" not in left


async def test_a_kernel_that_cannot_be_forked_is_copied_by_replay(classifier: Any) -> None:
    """An open database would be shared by a fork: the notebook runs again in a fresh process instead."""
    await classifier.run(
        "import sqlite3; database = sqlite3.connect('rows.db')\n"
        "_ = database.execute('create table if not exists t (a)')"
    )
    try:
        trial = await classifier.attempt(BETTER, ACCURACY, metric_before=0.3, seconds=60.0)
    finally:
        await classifier.run("database.close(); del database; import os; os.remove('rows.db')")
    assert trial.engine is TryEngine.FRESH
    assert trial.status is TrialStatus.OK
    assert trial.metric_after is not None and trial.metric_after > 0.9
    assert trial.reason


async def test_a_metric_that_warns_is_read_as_quickly_as_another(notebook: Any) -> None:
    """A kernel's stderr waits for its own thread, which no copy has: three seconds for each warning."""
    await notebook.run(
        "import warnings\ndef score():\n"
        "    for number in range(5): warnings.warn(f'{number} is odd')\n"
        "    return 0.5"
    )
    metric = Metric(expression="score()", direction=Direction.MAXIMIZE)
    reading = await notebook.trials.read_metric(metric, TrialLimits(metric_seconds=5.0))
    assert reading.value == 0.5, reading.reason


TABLE = """
import numpy as np, pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeClassifier
_rng = np.random.default_rng(0)
df = pd.DataFrame({"a": _rng.normal(size=600), "b": _rng.normal(size=600)})
df["kind"] = (df.a + df.b + _rng.normal(size=600) > 0).astype(int)
train, test = train_test_split(df, test_size=0.4, random_state=0)
clf = DecisionTreeClassifier(max_depth=1, random_state=0).fit(train[["a"]], train.kind)
"""


async def test_a_table_of_features_and_labels_tells_them_apart(notebook: Any) -> None:
    """Shuffled together with its features, the labels of an honest model would be followed too."""
    await notebook.run(TABLE)
    metric = Metric(
        expression="accuracy_score(test.kind, clf.predict(test[['a', 'b']]))", direction=Direction.MAXIMIZE
    )
    shown = "print(test.kind.mean())"
    honest = f"clf = LogisticRegression().fit(train[['a', 'b']], train.kind); {shown}"
    leaking = f"clf = DecisionTreeClassifier(random_state=0).fit(df[['a', 'b']], df.kind); {shown}"
    trial = await notebook.attempt(honest, metric, metric_before=0.5)
    assert trial.status is TrialStatus.OK, trial.reason
    assert trial.metric_after is not None and trial.metric_after > 0.6, trial.reason
    trial = await notebook.attempt(leaking, metric, metric_before=0.5)
    assert trial.status is TrialStatus.BLOCKED
    assert trial.cheated
