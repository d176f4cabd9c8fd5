"""Cells that do the same are duplicates; cells that differ in what they do are not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.agent.dedupe import drop_duplicates, normalised_key

CELL = """
import numpy as np
from sklearn.svm import SVC, LinearSVC

def widen(frame):
    "Adds a column."
    wide = frame.assign(total=frame.sum(axis=1))
    return wide

model = SVC(C=10)
model.fit(widen(X_train), y_train)
losses = [f(x) for x in range(3)]
"""


@pytest.mark.parametrize(
    "same",
    [
        CELL.replace("SVC(C=10)", "SVC( C = 10 )  # wide margin"),
        CELL.replace('    "Adds a column."\n', ""),
        CELL.replace(
            "import numpy as np\nfrom sklearn.svm import SVC, LinearSVC",
            "from sklearn.svm import LinearSVC, SVC\nimport numpy as np",
        ),
        CELL.replace("import SVC, LinearSVC", "import SVC\nfrom sklearn.svm import LinearSVC"),
        CELL.replace("wide =", "more =").replace("return wide", "return more"),
        CELL.replace("f(x) for x in", "f(item) for item in"),
        CELL + "\nprint('score', model.score(X_val, y_val))\nmodel",
        CELL.replace("def widen(frame):", "def widen(frame) -> 'DataFrame':"),
    ],
    ids=[
        "formatting and comment",
        "docstring",
        "order of imports",
        "split import",
        "local variable",
        "comprehension variable",
        "prints",
        "annotation",
    ],
)
def test_these_are_the_same_cell(same: str) -> None:
    assert normalised_key(same) == normalised_key(CELL)


@pytest.mark.parametrize(
    "other",
    [
        CELL.replace("C=10", "C=11"),
        CELL.replace("SVC(C=10)", "LinearSVC(C=10)"),
        CELL.replace("X_train", "X_val"),
        CELL.replace("model", "clf"),
        CELL.replace("axis=1", "axis=0"),
        CELL + "\nprint(model.fit(X_val, y_val))",
        CELL.replace("from sklearn.svm", "from other.svm"),
        CELL.replace("frame", "table"),
        "%%bash\n" + CELL,
    ],
)
def test_these_differ(other: str) -> None:
    assert normalised_key(other) != normalised_key(CELL)


def test_variables_that_only_the_cell_knows_may_be_renamed_where_the_kernels_names_are_given() -> None:
    first = "clf = SVC()\nclf.fit(X, y)\nmodel = clf"
    second = "svm = SVC()\nsvm.fit(X, y)\nmodel = svm"

    assert normalised_key(first) != normalised_key(second)
    assert normalised_key(first, keep={"model", "X", "y"}) == normalised_key(second, keep={"model", "X", "y"})
    assert normalised_key("model = SVC()", keep={"model"}) != normalised_key("other = SVC()", keep={"model"})


def test_duplicates_are_dropped_among_candidates_and_against_cells() -> None:
    candidates = [("a = 1", "first"), ("a = 1  # again", "second"), ("b = 2", "third"), ("c = 3", "fourth")]

    assert drop_duplicates(candidates, existing=["c=3"]) == ["first", "third"]


def test_shadowed_names_are_kept_apart() -> None:
    outer = "f = lambda x: (lambda y: x + y)"
    twisted = "f = lambda x: (lambda y: y + x)"

    assert normalised_key(outer) == normalised_key("f = lambda a: (lambda b: a + b)")
    assert normalised_key(outer) != normalised_key(twisted)


@settings(deadline=None)
@given(st.text(max_size=120))
def test_any_text_has_a_key_and_the_same_text_the_same_key(text: str) -> None:
    assert normalised_key(text) == normalised_key(text)
    assert normalised_key(text, keep={"x"}) == normalised_key(text, keep={"x"})
