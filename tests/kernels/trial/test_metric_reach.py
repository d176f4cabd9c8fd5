"""Which cells could have seen the held-out labels: named, hidden behind text, libraries or objects."""

from __future__ import annotations

import functools
import operator
import os
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from mlagent_kernel.metric import labels, reach


def notebook() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = (X[:, 0] + rng.normal(size=120) > 0).astype(int)
    names: dict[str, Any] = {
        "np": np,
        "pd": pd,
        "os": os,
        "operator": operator,
        "KNeighborsClassifier": KNeighborsClassifier,
        "X_train": X[:80],
        "X_val": X[80:],
        "y_train": y[:80].copy(),
        "y_val": y[80:].copy(),
        "__name__": "__main__",
    }
    source = (
        "def peek():\n    return y_val\n"
        "def scale(values, factor=2.0):\n    return np.asarray(values) * factor\n"
        "def kept(values, answers=y_val):\n    return answers\n"
    )
    exec(source, names)
    names["bound"] = functools.partial(np.equal, names["y_val"])
    names["model"] = LogisticRegression().fit(names["X_train"], names["y_train"])
    return names


def sees(source: str) -> bool:
    names = notebook()
    return reach.could_see_labels(source, names, labels.find(names, ("y_val",)))


@pytest.mark.parametrize(
    "source",
    [
        "model = KNeighborsClassifier(3).fit(X_train, y_train)",
        "from sklearn.svm import SVC\nmodel = SVC(C=2).fit(scale(X_train), y_train)",
        "import numpy as np, warnings\nwarnings.filterwarnings('ignore')\nX2 = np.log1p(abs(X_train))",
        "print(f'{model.score(X_train, y_train):.3f}')\nprint('{:.3f}'.format(0.5))",
        "class Net:\n    def __init__(self):\n        self.n = 3\n",
        "from sklearn.pipeline import make_pipeline\nmodel = make_pipeline(model)",
        "from IPython.display import display\ndisplay(X_train.shape)",
    ],
)
def test_ordinary_cells_could_not(source: str) -> None:
    assert not sees(source)


@pytest.mark.parametrize(
    "source",
    [
        "model.fit(X_val, y_val)",
        "model.fit(X_val, peek())",
        "model.fit(X_val, kept(1))",
        "model.fit(X_val, bound.args[0])",
        "labels = globals()['y_' + 'val']",
        "labels = operator.attrgetter('sys.modules')(os)['__main' + '__']",
        "import operator as o\no.itemgetter(0)([1])",
        "from os import path",
        "import np_tools",
        "labels = np.bmat('y_' + 'val')",
        "labels = pd.DataFrame(X_val).query('index in @y_val')",
        "labels = np.lib.stride_tricks.as_strided(X_val, (10**9,), (1,))",
        "text = '{0.shape}'.format(X_train)",
        "name = 'y_val'",
        "labels = model.predict.__globals__",
        "model.fit(X_val, _12)",
        "model.fit(X_val, Out[3])",
        "!cat notebook.ipynb",
        "again = pd.read_csv('train.csv')",
        "from sklearn.datasets import load_iris\nX, y = load_iris(return_X_y=True)",
        "answers = open('answers.txt').read()",
        "def broken(:",
    ],
)
def test_cells_that_could(source: str) -> None:
    assert sees(source)
