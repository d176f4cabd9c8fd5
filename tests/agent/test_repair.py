"""Sound cells are completed: imports, the fit, the assignment that counts. Others stay as they are."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.agent.import_table import HOME, import_lines
from jupyter_mlagent.agent.repair import Expected, repair, repair_imports

KNOWN = {"X_train", "y_train", "X_val", "y_val", "model", "accuracy_score"}
EXPECTED = Expected(targets=("model",), fit_arguments="X_train, y_train")


def test_missing_imports_are_added_one_line_a_module() -> None:
    code = "model = make_pipeline(StandardScaler(), PolynomialFeatures(2), RidgeCV())\nx = np.log1p(X_train)"

    assert repair_imports(code, KNOWN) == (
        "import numpy as np\n"
        "from sklearn.linear_model import RidgeCV\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.preprocessing import PolynomialFeatures, StandardScaler\n" + code
    )


def test_misplaced_imports_are_moved_and_the_rest_of_their_line_stays() -> None:
    code = (
        "from sklearn.preprocessing import SimpleImputer, StandardScaler\n"
        "m = SimpleImputer(), StandardScaler()"
    )

    assert repair_imports(code, KNOWN) == (
        "from sklearn.impute import SimpleImputer\n"
        "from sklearn.preprocessing import StandardScaler\n"
        "m = SimpleImputer(), StandardScaler()"
    )


def test_what_needs_an_experimental_switch_gets_it_first() -> None:
    lines = repair_imports("imputer = IterativeImputer()", set()).split("\n")

    assert lines[0].startswith("from sklearn.experimental import enable_iterative_imputer")
    assert lines[1] == "from sklearn.impute import IterativeImputer"


@pytest.mark.parametrize(
    "code",
    [
        "model = SVC",
        "from sklearn.svm import SVC\nmodel = SVC()",
        "from mine import SVC\nmodel = SVC()",
        "class SVC: pass\nmodel = SVC()",
        "from sklearn.svm import *\nmodel = LinearSVC()",
        "my_own_thing()",
        "model = SVC(",
        "from sklearn.metrics.pairwise import rbf_kernel",
        "from sklearn.feature_extraction.text import TfidfVectorizer",
    ],
)
def test_imports_that_are_in_order_stay_as_they_are(code: str) -> None:
    assert repair_imports(code, {*KNOWN, "SVC"} if code == "model = SVC" else KNOWN) == code


def test_a_cell_magic_stays_first() -> None:
    assert (
        repair_imports("%%time\nmodel = SVC()", KNOWN) == "%%time\nfrom sklearn.svm import SVC\nmodel = SVC()"
    )


def test_a_model_that_is_never_fitted_is_fitted_before_it_is_printed() -> None:
    code = "from sklearn.svm import SVC\nmodel = SVC()\nprint(model.score(X_val, y_val))"

    assert repair(code, KNOWN, EXPECTED) == (
        "from sklearn.svm import SVC\n"
        "model = SVC()\n"
        "model.fit(X_train, y_train)\n"
        "print(model.score(X_val, y_val))"
    )


def test_a_model_under_another_name_is_assigned() -> None:
    code = (
        "from sklearn.svm import SVC\nclf = SVC()\nclf.fit(X_train, y_train)\nprint(clf.score(X_val, y_val))"
    )

    assert "clf.fit(X_train, y_train)\nmodel = clf\nprint" in repair(code, KNOWN, EXPECTED)


def test_a_search_or_its_best_estimator_is_assigned() -> None:
    search = (
        "from sklearn.svm import SVC\nfrom sklearn.model_selection import GridSearchCV\n"
        "search = GridSearchCV(SVC(), {})\nsearch.fit(X_train, y_train)"
    )

    assert repair(search, KNOWN, EXPECTED).endswith("\nmodel = search")
    best = f"{search}\nbest = search.best_estimator_"
    assert repair(best, KNOWN, EXPECTED).endswith("\nmodel = best")


@pytest.mark.parametrize(
    "code",
    [
        "from sklearn.svm import SVC\nmodel = SVC().fit(X_train, y_train)",
        "from sklearn.svm import SVC\nmodel = SVC()\nmodel.fit(X_train, y_train)",
        "model.fit(X_train, y_train)",
        "model.set_params(C=3).fit(X_train, y_train)",
        "model = train(model)",
        "model = torch_model",
        "x = X_train.mean()",
        "print(model)",
    ],
)
def test_a_cell_that_does_its_part_stays_as_it_is(code: str) -> None:
    assert repair(code, KNOWN | {"train", "torch_model"}, EXPECTED) == code


def test_a_metric_that_fits_the_model_itself_gets_no_fit() -> None:
    code = "from sklearn.svm import SVC\nmodel = SVC()"

    assert repair(code, KNOWN, Expected(targets=("model",))) == code


def test_every_name_of_the_table_is_importable_from_where_it_says() -> None:
    """Given the libraries that are installed here, each import line of the table runs."""
    names = {
        name for name, module in HOME.items() if module.split(".")[0] in ("sklearn", "scipy", "collections")
    }

    exec("\n".join(import_lines(names)), {})


LINES = st.sampled_from(
    [
        *("model = SVC()", "clf = make_pipeline(StandardScaler(), SVC())", "clf.fit(X_train, y_train)"),
        *(
            "model = clf",
            "print(model)",
            "from sklearn.ensemble import SVC, Ridge",
            "x = np.zeros(3)",
            "# c",
            "(",
        ),
        *("grid = GridSearchCV(SVC(), {})", "%time 1", "if x:\n    model = Ridge()", "class SVC:\n    pass"),
    ]
)


@settings(deadline=None)
@given(st.lists(LINES, max_size=6))
def test_repairing_twice_is_repairing_once_and_python_stays_python(lines: list[str]) -> None:
    code = "\n".join(lines)

    once = repair(code, KNOWN, EXPECTED)

    assert repair(once, KNOWN, EXPECTED) == once
    if "(" not in lines and "%time 1" not in lines:
        ast.parse(once)


def test_the_parenthesis_that_the_last_line_lacks_is_added() -> None:
    code = "model = SVC().fit(X_train, y_train)\nprint(f1_score(y_val, model.predict(vec.transform(X_val)))"
    assert repair(code, {"SVC", "X_train", "y_train", "X_val", "y_val", "vec", "f1_score"}) == code + ")"


@pytest.mark.parametrize("code", ["print('a' + )", "model = SVC(\n", "def f(:\n    pass()"])
def test_other_mistakes_stay_for_the_trial_to_tell(code: str) -> None:
    assert repair(code, {"SVC"}) == code
