"""Ensembles get their members and pipelines' models their arguments; everything else stays as it was."""

from __future__ import annotations

import pytest

from jupyter_mlagent.agent.composition import with_whole_compositions
from jupyter_mlagent.agent.repair import repair

MEMBERS = "members = [('a', SVC()), ('é', Ridge())]\n"


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("VotingClassifier()", "VotingClassifier(members)"),
        ("VotingClassifier(voting='soft')", "VotingClassifier(members, voting='soft')"),
        ("StackingRegressor(cv=3).fit(X, y)", "StackingRegressor(members, cv=3).fit(X, y)"),
    ],
)
def test_an_ensemble_without_members_gets_those_of_the_cell(written: str, mended: str) -> None:
    assert with_whole_compositions(f"{MEMBERS}m = {written}") == f"{MEMBERS}m = {mended}"


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("make_pipeline(Scaler(), SVC(), C=10)", "make_pipeline(Scaler(), SVC(C=10))"),
        ("make_pipeline(SVC(C=1), C=10, gamma='é')", "make_pipeline(SVC(C=1, gamma='é'))"),
        ("make_pipeline(MLPClassifier((8,)), max_iter=5)", "make_pipeline(MLPClassifier((8,), max_iter=5))"),
        ("make_pipeline(SVC(), nonsense=1, memory=None)", "make_pipeline(SVC(), memory=None)"),
    ],
)
def test_an_argument_behind_a_pipeline_goes_to_its_model(written: str, mended: str) -> None:
    assert with_whole_compositions(f"m = {written}") == f"m = {mended}"


@pytest.mark.parametrize(
    "code",
    [
        MEMBERS + "m = VotingClassifier(members, voting='soft')",
        MEMBERS + "m = VotingClassifier(estimators=members)",
        MEMBERS + "m = VotingClassifier(**options)",
        "names = ['a', 'b']\nm = VotingClassifier()",
        "m = make_pipeline(StandardScaler(), model, C=10)",
        "m = make_pipeline(StandardScaler(), SVC(), memory=None)",
        "m = make_pipeline(C=10)",
        "%%bash\nmake_pipeline(SVC(), C=10)",
        "m = make_pipeline(SVC(), C=10",
    ],
)
def test_everything_else_stays_as_it_is(code: str) -> None:
    assert with_whole_compositions(code) == code


@pytest.mark.parametrize("line", ["from ... import ...", "from ... import SVC"])
def test_a_placeholder_copied_from_the_form_is_left_out(line: str) -> None:
    mended = "from sklearn.svm import SVC\nm = SVC().fit(X, y)"
    assert repair(f"{line}\nm = SVC().fit(X, y)", ["X", "y"]) == mended


def test_a_class_that_the_cell_defines_itself_is_left_alone() -> None:
    code = """
class VotingClassifier:
    pass

members = [("a", SVC()), ("b", Ridge())]
model = VotingClassifier()
""".strip()
    assert with_whole_compositions(code) == code
