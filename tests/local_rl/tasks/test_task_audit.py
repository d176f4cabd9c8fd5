"""Given a table, when it is audited, then a feature that gives the target away is found, and noise is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from local_rl.tasks import audit
from local_rl.tasks.errors import TaskError
from local_rl.tasks.folder import TaskFolder

Make = Callable[..., Path]
ROWS = 2000
RANDOM = np.random.default_rng(3)
CLASSES = pd.Series(RANDOM.choice(["a", "b", "c"], ROWS))
NUMBERS = pd.Series(RANDOM.normal(size=ROWS))


@pytest.mark.parametrize(
    ("feature", "target", "low", "high"),
    [
        (CLASSES.map({"a": 1.0, "b": 2.0, "c": 3.0}), CLASSES, 0.99, 1.0),
        (NUMBERS.rank() * 7 + 1, NUMBERS, 0.95, 1.0),
        (pd.Series(np.arange(ROWS)), CLASSES, -0.5, 0.2),
        (pd.Series([f"row {place}" for place in range(ROWS)]), NUMBERS, -0.1, 0.1),
        (pd.Series(RANDOM.normal(size=ROWS)), NUMBERS, -0.5, 0.2),
    ],
    ids=["renamed classes", "monotone copy", "row number", "identifier", "noise"],
)
def test_what_one_feature_explains(feature: pd.Series, target: pd.Series, low: float, high: float) -> None:
    assert low <= audit.explained(feature, target) <= high


def test_a_leaking_column_is_named(make_task: Make) -> None:
    prepare = """
        def prepare(public, private):
            rows = [(i, i % 7, "yes" if i % 2 else "no") for i in range(200)]
            table = [f"{i},{x},{y},{y.upper()}" for i, x, y in rows]
            (public / "train.csv").write_text("\\n".join(["id,x,y,again", *table]))
            (public / "test.csv").write_text("id,x,again\\n200,99,YES\\n")
            (private / "answers.csv").write_text("id,y\\n200,yes\\n")
    """
    with pytest.raises(TaskError, match=r"column 'again' of train\.csv alone explains 100\.0%"):
        audit.refuse_leaks(TaskFolder.open(make_task({"prepare.py": prepare})))


def test_repeated_rows_are_refused(make_task: Make) -> None:
    prepare = """
        def prepare(public, private):
            (public / "train.csv").write_text("id,x,y\\n" + "".join(f"{i},{i},{i * i}\\n" for i in range(99)))
            (public / "test.csv").write_text("id,x\\n99,5\\n100,1000\\n")
            (private / "answers.csv").write_text("id,y\\n99,25\\n100,0\\n")
    """
    with pytest.raises(TaskError, match=r"50\.0% of the rows of test\.csv also stand in train\.csv"):
        audit.refuse_leaks(TaskFolder.open(make_task({"prepare.py": prepare})))
