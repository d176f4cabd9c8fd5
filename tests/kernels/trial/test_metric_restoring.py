"""What a trial may send to the judge: data of trusted classes, and nothing that acts."""

from __future__ import annotations

import os
import pickle
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from mlagent_kernel.metric import restoring, shipping, trust

RNG = np.random.default_rng(0)
X = np.abs(RNG.normal(size=(60, 4)))
Y = (X[:, 0] > X[:, 1]).astype(int)


def restored(value: Any, notebook: dict[str, Any] | None = None) -> Any:
    return restoring.restore(pickle.dumps(value, protocol=5), notebook or {})


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        RandomForestClassifier(5),
        HistGradientBoostingClassifier(max_iter=3),
        KNeighborsClassifier(),
        SVC(probability=False),
        GaussianNB(),
        make_pipeline(StandardScaler(), SelectKBest(f_classif, k=2), SVC()),
        make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()),
        make_pipeline(ColumnTransformer([("n", StandardScaler(), [0, 1])]), LogisticRegression()),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
    ],
    ids=lambda model: type(model).__name__,
)
def test_models_of_scikit_learn_predict_the_same_after_the_journey(model: Any) -> None:
    model.fit(X, Y)
    assert (restored(model).predict(X) == model.predict(X)).all()


def test_an_encoder_of_text_columns_travels() -> None:
    frame = pd.DataFrame({"colour": ["red", "blue", "red"] * 5})
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(frame, [0, 1, 0] * 5)
    assert (restored(model).predict(frame) == model.predict(frame)).all()


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["u", "v"])}),
        pd.Series(pd.date_range("2024", periods=3, tz="UTC"), name="when"),
        pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}, index=pd.Index(["p", "q"])),
    ],
)
def test_tables_travel(table: Any) -> None:
    assert restored(table).equals(table)


class Calls:
    """Pickles as a call of anything at all."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    "attack",
    [
        Calls(os.system, "true"),
        Calls(eval, "1"),
        Calls(exec, "1"),
        Calls(getattr, 1, "real"),
        Calls(type, "Forged", (), {}),
        Calls(open, "/etc/hostname"),
        Calls(np.load, "/etc/hostname"),
        Calls(np.memmap, "/tmp/never", "u1", "w+", 0, (1,)),
        Calls(pd.read_pickle, "/etc/hostname"),
        Calls(pd.eval, "1 + 1"),
        Calls(__import__, "os"),
        [1, {"nested": Calls(os.getcwd)}],
    ],
    ids=lambda attack: attack.call[0].__qualname__ if isinstance(attack, Calls) else "nested",
)
def test_calls_are_refused(attack: Any) -> None:
    with pytest.raises(trust.NotTrustedError):
        restored(attack)


def _build_on(target: bytes, state: bytes) -> bytes:
    return b"\x80\x04" + target + state + b"b."


def _global(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


@pytest.mark.parametrize(
    "forged",
    [
        # The second part of a state tuple is set attribute by attribute: on a class, that patches it.
        _build_on(_global("pandas", "Series"), b"(N}\x8c\x06__eq__K\x01st"),
        _build_on(_global("sklearn.linear_model", "LogisticRegression"), b"(N}\x8c\x07predictK\x01st"),
        # A method hidden behind an attribute of the instance.
        _build_on(
            _global("sklearn.linear_model", "LogisticRegression") + b")\x81", b"}\x8c\x07predictK\x01s"
        ),
        b"\x80\x04" + _global("numpy", "os") + b".",
        b"\x80\x04" + _global("numpy.testing", "assert_equal") + b".",
        b"\x80\x04" + _global("pandas.io.pytables", "HDFStore") + b".",
        b"\x80\x04" + _global("__main__", "anything") + b".",
        b"\x80\x04\x82\x01.",
    ],
)
def test_forged_streams_are_refused(forged: bytes) -> None:
    with pytest.raises((trust.NotTrustedError, pickle.UnpicklingError)):
        restoring.restore(forged, {})


def test_text_that_a_class_would_run_is_refused() -> None:
    distribution = stats.rv_continuous(name="evil")
    distribution._parse_arg_template = "import os; os._exit(1)"
    with pytest.raises(trust.NotTrustedError):
        restored({"extra": distribution})


def test_a_search_over_distributions_travels() -> None:
    search = RandomizedSearchCV(LogisticRegression(), {"C": stats.loguniform(0.1, 1)}, n_iter=2, cv=2)
    search.fit(X, Y)
    assert (restored(search).predict(X) == search.predict(X)).all()


def test_expressions_of_polars_are_refused() -> None:
    polars = pytest.importorskip("polars")
    with pytest.raises(trust.NotTrustedError):
        restored(polars.col("a").map_elements(lambda value: value))


def test_a_stream_cut_short_is_an_error_and_not_a_crash() -> None:
    data = pickle.dumps(LogisticRegression().fit(X, Y), protocol=5)
    for end in range(0, len(data) - 1, 37):
        with pytest.raises(Exception):  # noqa: B017
            restoring.restore(data[:end], {})


def _ship(namespace: dict[str, Any], *names: str, before: dict[str, Any] | None = None) -> Any:
    file = os.memfd_create("test")
    try:
        notebook = shipping.notebook_definitions(before if before is not None else namespace)
        done = shipping.ship(file, namespace, names, notebook)
        data = os.pread(file, sum(done["sizes"].values()), 0)
    finally:
        os.close(file)
    return done, data


class Wrapper:
    """Stands for a class of the notebook."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner


Wrapper.__module__ = "__main__"


def test_what_the_notebook_defined_travels_by_name_while_it_is_unchanged() -> None:
    namespace = {"Wrapper": Wrapper, "model": Wrapper(LogisticRegression().fit(X, Y))}
    done, data = _ship(namespace, "model")
    assert done["away"] == {}
    assert isinstance(restoring.restore(data, namespace), Wrapper)


def test_what_the_cell_defined_stays_away() -> None:
    namespace = {"Wrapper": Wrapper, "model": Wrapper(1), "function": lambda x: x}
    namespace["function"].__module__ = "__main__"
    done, _ = _ship(namespace, "model", "function", before={})
    assert "Wrapper" in done["away"]["model"]
    assert done["references"]["function"][0] == "__main__"


def test_names_that_the_cell_did_not_bind_are_told() -> None:
    done, _ = _ship({"x": np.arange(3)}, "x", "absent")
    assert done["missing"] == ["absent"]
    assert list(done["sizes"]) == ["x"]


def test_what_is_too_large_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "MAX_BYTES", 1000)
    done, data = _ship({"big": np.zeros(1000), "small": np.zeros(3)}, "big", "small")
    assert list(done["away"]) == ["big"]
    assert (restoring.restore(data, {}) == np.zeros(3)).all()


@pytest.mark.parametrize("change", ["values", "column", "nothing"])
def test_the_fingerprint_of_large_data_sees_every_change(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "_LARGE_BYTES", 1)
    frame = pd.DataFrame({"a": np.arange(100.0), "b": np.arange(100)})
    before = shipping.fingerprint(frame)
    if change == "values":
        frame.loc[57, "a"] += 1e-9
    elif change == "column":
        frame["c"] = 0
    assert (shipping.fingerprint(frame) == before) is (change == "nothing")


def test_random_bytes_never_get_through_as_anything_but_data() -> None:
    for seed in range(300):
        noise = b"\x80\x04" + np.random.default_rng(seed).bytes(40) + struct.pack("c", b".")
        try:
            found = restoring.restore(noise, {})
        except Exception:
            continue
        assert not callable(found) or isinstance(found, type)
