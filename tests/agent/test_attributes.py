"""What only a search has, read from a model that is none."""

from __future__ import annotations

import pytest

from jupyter_mlagent.agent.attributes import with_own_attributes


@pytest.mark.parametrize(
    ("code", "mended"),
    [
        (
            "pipe = make_pipeline(StandardScaler(), SVC())\npipe.fit(X, y)\nmodel = pipe.best_estimator_",
            "pipe = make_pipeline(StandardScaler(), SVC())\npipe.fit(X, y)\nmodel = pipe",
        ),
        (
            "model = Ridge().fit(X, y)\nprint(model.best_estimator_.coef_, 'ä', model.best_estimator_)",
            "model = Ridge().fit(X, y)\nprint(model.coef_, 'ä', model)",
        ),
    ],
)
def test_a_model_that_is_no_search_is_its_own_best(code: str, mended: str) -> None:
    assert with_own_attributes(code) == mended


@pytest.mark.parametrize(
    "code",
    [
        "search = GridSearchCV(SVC(), {})\nmodel = search.fit(X, y).best_estimator_",
        "search = GridSearchCV(SVC(), {})\nsearch.fit(X, y)\nmodel = search.best_estimator_",
        # of the notebook: nobody knows here what it is
        "model = found.best_estimator_",
        # either of two
        "m = SVC()\nif tune:\n    m = GridSearchCV(m, {}).fit(X, y)\nbest = m.best_estimator_",
        "class SVC:\n    best_estimator_ = 1\n\nmodel = SVC()\nprint(model.best_estimator_)",
        "%%bash\necho model.best_estimator_",
        "model = (",
    ],
)
def test_everything_else_stays_as_it_is(code: str) -> None:
    assert with_own_attributes(code) == code
