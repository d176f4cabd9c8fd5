"""A pipeline keeps one model, its last step; whatever might be right stays as it was."""

from __future__ import annotations

import pytest

from jupyter_mlagent.agent.pipeline_steps import with_one_model
from jupyter_mlagent.agent.repair import repair

KNOWN = ["columns", "X", "y", "fitted_before"]
MEMBERS = "members = [('a', SVC()), ('b', Ridge())]\n"


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("make_pipeline(SVC(), Ridge())", "make_pipeline(Ridge())"),
        ("make_pipeline(words, MultinomialNB(alpha=1), SVC())", "make_pipeline(words, SVC())"),
        (
            "make_pipeline(\n    StandardScaler(),\n    SVC(C=1),  # é\n    Ridge(),\n)",
            "make_pipeline(\n    StandardScaler(),\n    Ridge(),\n)",
        ),
        (
            "make_pipeline(SVC(), make_pipeline(PCA(), Ridge()))",
            "make_pipeline(make_pipeline(PCA(), Ridge()))",
        ),
        ("make_pipeline(columns, Ridge(), PolynomialFeatures(2))", "make_pipeline(columns, Ridge())"),
        (
            "make_pipeline(columns, SVC(), make_column_transformer((PCA(), ['a'])))",
            "make_pipeline(columns, SVC())",
        ),
        ("make_pipeline(columns, Ridge(), fitted)", "make_pipeline(columns, Ridge())"),
        (
            "make_pipeline(columns, Ridge(), fitted, memory=None)",
            "make_pipeline(columns, Ridge(), memory=None)",
        ),
    ],
)
def test_what_a_pipeline_cannot_hold_is_left_out(written: str, mended: str) -> None:
    assert with_one_model(f"m = {written}", [*KNOWN, "words"]) == f"m = {mended}"


def test_members_and_a_dictionary_are_no_steps() -> None:
    code = MEMBERS + "m = make_pipeline(columns, *members, VotingClassifier(members))"
    assert with_one_model(code, KNOWN) == MEMBERS + "m = make_pipeline(columns, VotingClassifier(members))"
    code = "space = {'C': [1, 2]}\nm = make_pipeline(columns, SVC(), space, n_iter=4)"
    assert repair(code, KNOWN).endswith("space = {'C': [1, 2]}\nm = make_pipeline(columns, SVC())")


def test_a_model_under_a_name_of_the_cell_is_known() -> None:
    code = "now = SVC()\nm = make_pipeline(columns, now, Ridge())"
    assert with_one_model(code, KNOWN) == "now = SVC()\nm = make_pipeline(columns, Ridge())"


@pytest.mark.parametrize(
    "code",
    [
        "m = make_pipeline(StandardScaler(), PCA(2), SVC())",
        "m = make_pipeline(columns, fitted_before, SVC())",
        "m = make_pipeline(KMeans(3), SVC())",
        "m = make_pipeline(StackingClassifier([('a', SVC())]), Ridge())",
        "m = make_pipeline(PCA(), StandardScaler())",
        "m = make_pipeline(columns, Ridge(), columns)",
        "m = make_pipeline(fitted)",
        "steps = [PCA(), StandardScaler()]\nm = make_pipeline(*steps, SVC())",
        "class SVC:\n    def transform(self, X): ...\nm = make_pipeline(SVC(), Ridge())",
        "def make_pipeline(*steps): ...\nm = make_pipeline(SVC(), Ridge())",
        "for step in found:\n    m = make_pipeline(step, Ridge())",
        "from sklearn.linear_model import *\nm = make_pipeline(Whatever, Ridge())",
        "now = SVC()\nnow = wrapped(now)\nm = make_pipeline(now, Ridge())",
        "def f(step):\n    return make_pipeline(step, Ridge())",
        "m = make_pipeline(SVC(), Ridge()",
        "%%bash\nmake_pipeline(SVC(), Ridge())",
    ],
)
def test_everything_else_stays_as_it_is(code: str) -> None:
    assert with_one_model(code, KNOWN) == code
