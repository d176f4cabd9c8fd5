"""A proposed cell that draws random numbers gets a seed: a step that is kept gives its number again."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlagent.agent.repair import repair
from jupyter_mlagent.agent.seeding import with_seeds


@pytest.mark.parametrize(
    ("code", "seeded"),
    [
        ("m = RandomForestClassifier()", "m = RandomForestClassifier(random_state=0)"),
        (
            "m = RandomForestClassifier(300, n_jobs=2)",
            "m = RandomForestClassifier(300, n_jobs=2, random_state=0)",
        ),
        (
            "m = ensemble.RandomForestRegressor(9).fit(X, y)",
            "m = ensemble.RandomForestRegressor(9, random_state=0).fit(X, y)",
        ),
        (
            "m = make_pipeline(SimpleImputer(), MLPClassifier(\n    (50, 50),  # 'ö'\n))",
            "m = make_pipeline(SimpleImputer(), MLPClassifier(\n    (50, 50), random_state=0,  # 'ö'\n))",
        ),
        (
            "m = BaggingClassifier(DecisionTreeClassifier())",
            "m = BaggingClassifier(DecisionTreeClassifier(random_state=0), random_state=0)",
        ),
        (
            "a, b = train_test_split(X, test_size=0.5)",
            "a, b = train_test_split(X, test_size=0.5, random_state=0)",
        ),
        ("cv = KFold(5, shuffle=True)", "cv = KFold(5, shuffle=True, random_state=0)"),
        ("é = 'é'; m = XGBClassifier()", "é = 'é'; m = XGBClassifier(random_state=0)"),
    ],
)
def test_what_is_random_gets_a_seed(code: str, seeded: str) -> None:
    assert with_seeds(code) == seeded
    assert with_seeds(seeded) == seeded


@pytest.mark.parametrize(
    "code",
    [
        "m = RandomForestClassifier(random_state=7)",
        "m = CatBoostClassifier(random_seed=7, verbose=0)",
        "m = RandomForestClassifier(**params)",
        "m = RandomForestClassifier(*arguments)",
        "cv = KFold(5)",
        "m = LogisticRegression(max_iter=500)",
        "m = SVC()",
        "print(RandomForestClassifier)",
        "m = RandomForestClassifier((300))",  # the seed would land inside the parentheses
        "%%time\nm = RandomForestClassifier()",
        "not python (",
        "",
    ],
)
def test_the_rest_stays_as_it_was(code: str) -> None:
    assert with_seeds(code) == code


def test_repairs_of_a_proposal_include_the_seed() -> None:
    code = repair("model = RandomForestClassifier().fit(X_train, y_train)", {"X_train", "y_train"})
    assert "RandomForestClassifier(random_state=0)" in code
    assert "from sklearn.ensemble import RandomForestClassifier" in code


@given(st.text(alphabet="()[]{},='\n #é*.:abRandomForestClassifier ", max_size=60), st.text(max_size=20))
def test_seeding_never_breaks_a_cell(before: str, after: str) -> None:
    code = f"{before}RandomForestClassifier({after}"
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        assert isinstance(with_seeds(code), str)
    else:
        ast.parse(with_seeds(code))
