"""What the audit's second run reads again carries the shuffled labels: from files, and made anew."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn.datasets
from sklearn.model_selection import train_test_split

from mlagent_kernel.metric import labels, rereading

SEED = 7


@pytest.fixture(autouse=True)
def readers_as_they_were() -> Iterator[None]:
    before = {name: dict(vars(sys.modules[name])) for name in rereading._READERS if name in sys.modules}
    yield
    for name, values in before.items():
        vars(sys.modules[name]).update(values)


def second_run(namespace: dict[str, Any]) -> None:
    """Prepare a process as the audit does."""
    truth = ("y_val",)
    rereading.install(namespace, {"y_val": namespace["y_val"].copy()}, truth, SEED)
    labels.shuffle(labels.find(namespace, truth), SEED)


def test_a_table_from_a_file_carries_them_in_the_held_out_rows_only(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=200), "kind": rng.choice(["x", "y", "z"], 200)})
    frame.to_csv(tmp_path / "train.csv", index=False)
    df = pd.read_csv(tmp_path / "train.csv")
    _, X_val, y_train, y_val = train_test_split(df[["a"]], df["kind"], random_state=0)
    original = y_val.copy()
    second_run({"X_val": X_val, "y_val": y_val, "y_train": y_train})
    again = pd.read_csv(tmp_path / "train.csv")
    assert (y_val != original).any()
    assert (again.loc[y_val.index, "kind"] == y_val).all()
    assert (again.loc[y_train.index, "kind"] == y_train).all()
    assert (again["a"] == frame["a"]).all()


def test_arrays_made_anew_carry_them() -> None:
    X, y = sklearn.datasets.make_classification(300, 5, random_state=1)
    _, X_val, _, y_val = train_test_split(X.copy(), y.copy(), random_state=0)
    namespace = {"X": X, "X_val": X_val, "y_val": y_val, "make": sklearn.datasets.make_classification}
    original = y_val.copy()
    second_run(namespace)
    _, again = namespace["make"](300, 5, random_state=1)
    _, _, _, split = train_test_split(X, again, random_state=0)
    assert (y_val != original).any()
    assert (split == y_val).all()


def test_other_data_stays_as_it_is(tmp_path: Path) -> None:
    other = pd.DataFrame({"a": range(40), "b": list("pq") * 20})
    other.to_csv(tmp_path / "other.csv", index=False)
    X, y = sklearn.datasets.make_classification(300, 5, random_state=1)
    second_run({"X_val": X[:50], "y_val": y[:50].copy()})
    assert pd.read_csv(tmp_path / "other.csv").equals(other)


@pytest.mark.parametrize("name", ["read_csv", "load_iris", "make_blobs", "open", "loadtxt"])
def test_names_that_bring_data(name: str) -> None:
    assert rereading.brings_data(name)


@pytest.mark.parametrize("name", ["make_pipeline", "make_scorer", "ready", "fit", "payload"])
def test_names_that_do_not(name: str) -> None:
    assert not rereading.brings_data(name)
