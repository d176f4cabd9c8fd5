"""Diversity counts what ran: families, programs, and how many samples were worth anything."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from local_rl.explore.diversity import Sampled, diversity, family_of, per_state, sentence

FOREST = "model = RandomForestClassifier()\nmodel.fit(X, y)"
SVM = "m = make_pipeline(StandardScaler(), SVC())\nm.fit(X, y)"


def ok(code: str, reward: float = 0.5) -> Sampled:
    return Sampled(code=code, status="ok", reward=reward)


def test_only_cells_that_ran_are_variety() -> None:
    found = diversity([ok(FOREST, 0.8), ok(SVM), Sampled(code="GaussianNB()", status="error"), Sampled()])
    assert found.families == {"forest": 1, "svm": 1}
    assert (found.programs, found.valid, found.improving) == (2, 0.5, 0.25)
    assert sentence(found).startswith("2 families and 2 programs in 4 samples of one state; 50% valid")


def test_names_comments_and_prints_make_no_new_program() -> None:
    other = "# again\nclassifier = RandomForestClassifier()\nclassifier.fit(X, y)\nprint('done')"
    assert diversity([ok(FOREST), ok(other)]).programs == 1


def test_the_family_of_a_cell_is_its_outermost_model() -> None:
    assert family_of(FOREST) == "forest"
    assert family_of("VotingClassifier([('a', SVC()), ('b', RandomForestClassifier())])") == "ensemble"
    assert family_of("BaggingClassifier(SVC())") == "bagging"
    assert family_of("X = StandardScaler().fit_transform(X)") == "preprocessing"
    assert family_of("x = 1") == "no model"


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.sampled_from([FOREST, SVM, ""])), max_size=20))
def test_states_are_told_apart_and_no_sample_is_lost(drawn) -> None:
    found = per_state((key, ok(code) if code else Sampled()) for key, code in drawn)
    assert sum(each.samples for each in found.values()) == len(drawn)
    assert all(0 <= each.programs <= each.samples for each in found.values())


def test_no_samples_are_no_division_by_zero() -> None:
    assert diversity([]).valid == 0.0
