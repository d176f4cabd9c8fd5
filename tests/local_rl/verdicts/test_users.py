"""Scripted users say the same of the same proposal, for the reason they stand for."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.records import Anchor, Operator, Proposal, Verdict, source_hash
from local_rl.verdicts.users import USERS, user, without_plots

GRID = "model = GridSearchCV(SVC(), {'C': [1, 2]})\nmodel.fit(X, y)"
NAMED = "model = Pipeline([('scale', StandardScaler()), ('svc', SVC())])\nmodel.fit(X, y)"
PIPED = "model = make_pipeline(StandardScaler(), SVC())\nmodel.fit(X, y)"
PLOT = "import matplotlib.pyplot as plt\nmodel = SVC()\nmodel.fit(X, y)\nplt.hist(\n    y\n)\nplt.show()"


def said(name: str, code: str):
    return user(name).judge(
        Proposal(
            id="p",
            operator=Operator.IMPROVE,
            plan="",
            code=code,
            source_hash=source_hash(code),
            anchor=Anchor(cell_id="", source_hash=""),
        )
    )


@pytest.mark.parametrize(
    ("name", "code", "verdict"),
    [
        ("no searches", GRID, Verdict.REJECTED),
        ("no searches", PIPED, Verdict.ACCEPTED),
        ("named pipelines", NAMED, Verdict.ACCEPTED),
        ("named pipelines", PIPED, Verdict.REJECTED),
        ("named pipelines", GRID, Verdict.REJECTED),
        ("no plots", PIPED, Verdict.ACCEPTED),
        ("no plots", PLOT, Verdict.EDITED),
        ("no plots", "df.plot()", Verdict.REJECTED),
    ],
)
def test_each_has_one_taste(name, code, verdict) -> None:
    assert said(name, code).verdict is verdict


def test_a_plot_is_edited_away_and_the_rest_stays() -> None:
    assert said("no plots", PLOT).edited == "model = SVC()\nmodel.fit(X, y)"


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a = 1", "plt.plot(a)", "model.fit(X, y)", "sns.histplot(x)", "b = df.hist()"]))
)
def test_what_was_edited_has_no_plot_left_and_no_other_line_lost(lines) -> None:
    edited = without_plots("\n".join(lines))
    ast.parse(edited)
    kept = [line for line in lines if line in ("a = 1", "model.fit(X, y)")]
    assert [line for line in edited.split("\n") if line] == kept
    assert without_plots(edited) == edited


@settings(deadline=None)
@given(st.text(max_size=60))
def test_no_text_breaks_a_user(code) -> None:
    for each in USERS:
        assert said(each.name, code).verdict in Verdict
