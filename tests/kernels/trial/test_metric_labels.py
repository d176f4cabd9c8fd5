"""Every copy of the held-out labels is found, and all are shuffled alike; nothing else is touched."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from mlagent_kernel.metric import labels

SEED = 5


def frame(rows: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(size=(rows, 3)), columns=["a", "b", "c"])
    table["kind"] = np.where(table["a"] + rng.normal(size=rows) > 0, "yes", "no")
    table["price"] = table["b"] * 10 + rng.normal(size=rows) + 50
    return table


def split(target: str) -> dict[str, Any]:
    df = frame()
    X, y = df[["a", "b", "c"]], df[target]
    X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
    return {"df": df, "X": X, "y": y, "X_train": X_train, "X_val": X_val, "y_train": y_train, "y_val": y_val}


@pytest.mark.parametrize("target", ["kind", "price"])
def test_the_tables_the_labels_came_from_follow_them(target: str) -> None:
    names = split(target)
    untouched = {name: names[name].copy() for name in ("X", "X_train", "X_val", "y_train")}
    before = names["y_val"].copy()
    labels.shuffle(labels.find(names, ("y_val",)), SEED)
    y_val = names["y_val"]
    assert (y_val != before).any()
    assert sorted(y_val) == sorted(before)
    assert (names["df"].loc[y_val.index, target] == y_val).all()
    assert (names["y"].loc[y_val.index] == y_val).all()
    assert all(names[name].equals(copy) for name, copy in untouched.items())


def test_arrays_split_off_arrays_follow_by_their_rows() -> None:
    df = frame()
    X, y = df[["a", "b", "c"]].to_numpy(), (df["kind"] == "yes").to_numpy().astype(int)
    _, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
    trained = y_train.copy()
    before = y_val.copy()
    names = {"X": X, "y": y, "X_val": X_val, "y_val": y_val, "y_train": y_train}
    labels.shuffle(labels.find(names, ("y_val",)), SEED)
    rows = {row.tobytes(): label for row, label in zip(X, y, strict=True)}
    assert (y_val != before).any()
    assert [rows[row.tobytes()] for row in X_val] == y_val.tolist()
    assert (y_train == trained).all()


def _follows(names: dict[str, Any], rows: Any) -> bool:
    """Whether the labels of all data, shuffled, are at `rows` what the held-out labels became."""
    before = np.array(names["y_val"])
    trained = np.array(names["y_train"])
    labels.shuffle(labels.find(names, ("y_val",)), SEED)
    now = np.array(names["y_val"])
    assert (now != before).any()
    assert (np.array(names["y_train"]) == trained).all()
    return bool((np.array(names["y"])[rows] == now).all())


def test_the_array_that_a_frame_was_made_of_follows_by_row_number() -> None:
    X = np.random.default_rng(2).normal(size=(150, 4))
    y = (X[:, 0] > 0).astype(int)
    df = pd.DataFrame(X).assign(y=y.copy())
    X_train, X_val, y_train, y_val = train_test_split(df.drop(columns="y"), df["y"].copy(), random_state=0)
    del df
    rows = y_val.index.to_numpy()
    assert _follows({"y": y, "X_train": X_train, "X_val": X_val, "y_train": y_train, "y_val": y_val}, rows)


def test_labels_without_an_index_follow_by_that_of_their_features() -> None:
    df = frame()
    y = (df["kind"] == "yes").to_numpy().astype(int)
    X_train, X_val, y_train, y_val = train_test_split(df[["a", "b"]], y, random_state=0)
    rows = X_val.index.to_numpy()
    assert _follows({"y": y, "X_train": X_train, "X_val": X_val, "y_train": y_train, "y_val": y_val}, rows)


def test_labels_of_texts_and_of_images_follow_by_what_they_label() -> None:
    rng = np.random.default_rng(3)
    y = rng.integers(0, 3, size=120)
    texts = [f"text {number} of kind {kind}" for number, kind in enumerate(y)]
    images = rng.normal(size=(120, 5, 5))
    for X in (texts, images):
        X_train, X_val, y_train, y_val = train_test_split(X, y.copy(), random_state=0)
        order = {text: row for row, text in enumerate(texts)}
        where = {image.tobytes(): row for row, image in enumerate(images)}
        rows = [order[item] if isinstance(item, str) else where[item.tobytes()] for item in X_val]
        names = {
            "X": X,
            "y": y.copy(),
            "X_train": X_train,
            "X_val": X_val,
            "y_train": y_train,
            "y_val": y_val,
        }
        assert _follows(names, rows)


def test_recodings_and_copies_follow() -> None:
    y_val = pd.Series(["no", "yes", "yes", "no", "maybe", "yes", "no", "no"] * 4)
    names: dict[str, Any] = {
        "y_val": y_val,
        "codes": y_val.map({"no": 0, "yes": 1, "maybe": 2}).to_numpy(),
        "hot": pd.get_dummies(y_val).to_numpy(),
        "listed": y_val.tolist(),
        "category": y_val.astype("category"),
        "inside": {"val": (None, y_val.to_numpy(dtype=object).copy())},
    }
    labels.shuffle(labels.find(names, ("y_val",)), SEED)
    now = names["y_val"]
    assert names["codes"].tolist() == now.map({"no": 0, "yes": 1, "maybe": 2}).tolist()
    assert (names["hot"] == pd.get_dummies(now).to_numpy()).all()
    assert names["listed"] == now.tolist()
    assert names["category"].tolist() == now.tolist()
    assert names["inside"]["val"][1].tolist() == now.tolist()


def test_rescaled_targets_follow() -> None:
    y_val = pd.Series(np.random.default_rng(0).lognormal(size=50))
    names = {"y_val": y_val, "logs": np.log1p(y_val), "scaled": ((y_val - 3) / 7).to_numpy()}
    labels.shuffle(labels.find(names, ("y_val",)), SEED)
    assert np.allclose(names["logs"], np.log1p(y_val))
    assert np.allclose(names["scaled"], (y_val - 3) / 7)


def test_a_target_that_grows_with_time_leaves_the_clock_alone() -> None:
    names = {"y_val": np.cumsum(np.random.default_rng(0).random(60)), "day": np.arange(60.0)}
    places = labels.find(names, ("y_val",))
    assert {place.variable for place in places} == {"y_val"}


def test_read_only_memory_is_shuffled_too() -> None:
    y_val = np.arange(20) % 3
    y_val.flags.writeable = False
    text = np.array(["a", "b"] * 10, dtype=object)
    text.flags.writeable = False
    for array in (y_val, text):
        before = array.copy()
        labels.shuffle(labels.find({"y_val": array}, ("y_val",)), SEED)
        assert (array != before).any()


def test_labels_that_are_no_arrays_are_not_found() -> None:
    assert labels.find({"loader": iter([1, 2])}, ("loader",)) == []
    assert labels.find({"y_val": np.ones(9)}, ("y_val",)) == []


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 60), st.integers(2, 5), st.integers(0, 1000))
def test_shuffling_is_a_permutation_and_the_same_for_every_alias(rows: int, kinds: int, seed: int) -> None:
    y_val = np.arange(rows) % kinds
    names = {"y_val": y_val, "view": y_val[:], "series": pd.Series(y_val.copy()), "list": y_val.tolist()}
    before = sorted(y_val.tolist())
    labels.shuffle(labels.find(names, ("y_val",)), seed)
    assert sorted(y_val.tolist()) == before
    assert names["view"].tolist() == names["series"].tolist() == names["list"] == y_val.tolist()
