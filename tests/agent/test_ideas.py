"""Ideas suit the problem, differ from each other, and those that were tried come last."""

from __future__ import annotations

import re

import pytest
from sklearn.linear_model import LinearRegression

from jupyter_mlagent.agent.families import classify
from jupyter_mlagent.agent.ideas import choose_ideas
from jupyter_mlagent.agent.memory import MemoryEntry
from jupyter_mlagent.agent.repair import repair
from jupyter_mlagent.agent.situation import Kind, Situation, read_situation
from jupyter_mlagent.agent.table import Table
from jupyter_mlagent.records import Direction, Metric, Operator, Task, TrialStatus, Variable
from jupyter_mlagent.reward.roles import roles

from .states import CELLS, EXPRESSION, STATE, TASK, VARIABLES, code, raised, state

SITUATION = Situation(kind=Kind.CLASSIFICATION, targets=("model",), current="LogisticRegression")


def plans(*arguments: object, **options: object) -> list[str]:
    return [idea.plan for idea in choose_ideas(*arguments, **options)]  # type: ignore[arg-type]


def tried(plan: str, source: str) -> MemoryEntry:
    return MemoryEntry(Operator.IMPROVE, plan, TrialStatus.OK, 0.8, 0.8, kinds=classify(source))


@pytest.mark.parametrize("kind", [Kind.CLASSIFICATION, Kind.REGRESSION])
@pytest.mark.parametrize("seed", range(5))
def test_the_first_ideas_are_of_different_kinds(kind: Kind, seed: int) -> None:
    situation = Situation(kind=kind, targets=("model",))

    ideas = choose_ideas(situation, Operator.IMPROVE, seed=seed, count=6)

    assert len({idea.group for idea in ideas}) == 6


def test_a_draft_does_not_build_on_the_current_model() -> None:
    late = Situation(kind=Kind.CLASSIFICATION, targets=("model",), current="RandomForestClassifier")
    drafts, improvements = (
        {f"{idea.plan}\n{idea.opening}" for idea in choose_ideas(late, operator, count=50)}
        for operator in (Operator.DRAFT, Operator.IMPROVE)
    )

    built_on = {"clone(model)", "hyper-parameters of RandomForestClassifier"}
    assert not any(part in idea for part in built_on for idea in drafts)
    assert all(any(part in idea for idea in improvements) for part in built_on)
    assert drafts < improvements


def test_what_was_tried_and_what_the_model_is_come_last() -> None:
    memory = [
        tried("boost", "HistGradientBoostingClassifier()"),
        tried("forest", "RandomForestClassifier()"),
        tried("margin", "SVC()"),
    ]

    for seed in range(10):
        for idea in plans(SITUATION, Operator.DRAFT, memory, seed=seed, count=2):
            assert not {"boosting", "forest", "svm", "linear"} & classify(idea).families or "Voting" in idea


def test_the_strongest_ideas_come_first_most_often() -> None:
    first = [plans(SITUATION, Operator.DRAFT, seed=seed, count=1)[0] for seed in range(200)]

    boosting = sum("HistGradientBoosting" in idea for idea in first)
    neighbours = sum("KNeighbors" in idea for idea in first)
    assert boosting > 2 * neighbours > 0


def test_a_strong_model_is_rarely_followed_by_a_simple_one() -> None:
    late = Situation(kind=Kind.REGRESSION, targets=("model",), current="HistGradientBoostingRegressor")
    early = Situation(kind=Kind.REGRESSION, targets=("model",), current="DummyRegressor")

    def simple(situation: Situation) -> int:
        drawn = [plans(situation, Operator.IMPROVE, seed=seed, count=3) for seed in range(100)]
        return sum("Neighbors" in idea or "fit a RidgeCV(alphas" in idea for ideas in drawn for idea in ideas)

    assert simple(late) < simple(early) / 2


def test_a_repair_gets_ideas_only_where_the_data_is_at_fault() -> None:
    mixed = Situation(kind=Kind.CLASSIFICATION, plain_numbers=False)

    assert plans(SITUATION, Operator.DEBUG, error="NameError: name 'x' is not defined") == []
    assert plans(mixed, Operator.DEBUG, error="ValueError: could not convert string to float: 'Rome'")
    assert plans(mixed, Operator.DEBUG, error="ValueError: Input X contains NaN.")


def test_probabilities_are_asked_for_only_where_the_model_can_give_them() -> None:
    text = Situation(kind=Kind.CLASSIFICATION, text=True, probabilities=True)

    assert not any("LinearSVC" in idea for idea in plans(text, Operator.IMPROVE, count=50))


def test_mixed_columns_are_encoded_or_go_through_the_notebooks_own_preparation() -> None:
    bare = Situation(kind=Kind.REGRESSION, plain_numbers=False)
    narrow = Situation(kind=Kind.REGRESSION, plain_numbers=False, preparation="prep")
    whole = Situation(
        kind=Kind.REGRESSION, plain_numbers=False, preparation="prep", table=Table(covered=True)
    )

    for situation in (bare, narrow):
        for idea in choose_ideas(situation, Operator.IMPROVE, count=50):
            defined = re.match(r"(codes|encoded) = ", idea.opening)
            assert defined is not None
            assert re.search(
                rf"after {defined[1]} as the first step$|make_pipeline\({defined[1]}, ", idea.plan
            )
            assert idea.group not in ("boosting", "forest") or defined[1] == "codes"
    for idea in choose_ideas(whole, Operator.IMPROVE, count=50):
        assert "after prep" in idea.plan
        assert "make_column_transformer" not in idea.opening


@pytest.mark.parametrize("kind", [Kind.CLASSIFICATION, Kind.REGRESSION])
@pytest.mark.parametrize("mixed", [True, False])
def test_what_a_late_idea_opens_with_runs_beside_the_model(kind: Kind, mixed: bool) -> None:
    late = Situation(kind=kind, targets=("model",), current="RandomForestRegressor", plain_numbers=not mixed)
    found = [idea for idea in choose_ideas(late, Operator.IMPROVE, count=50) if "members" in idea.plan]
    assert {idea.plan.partition(" ")[0] for idea in found} == {"Average", "Stack"}
    for idea in found:
        scope = {"model": LinearRegression()}
        begun = idea.opening.rstrip().endswith(",")
        exec(repair(idea.opening + ("    LinearRegression(),\n)" if begun else ""), scope), scope)
        assert len(scope["members"]) >= 2
        if "the current model" in idea.plan:
            assert not begun and ("Encoder" in str(scope["members"][1])) is mixed
        else:
            assert begun is mixed


@pytest.mark.parametrize(
    ("made", "covered"),
    [
        ('make_column_transformer((StandardScaler(), ["a", "b"]))', False),
        ('make_column_transformer((StandardScaler(), ["a", "b"]), ("drop", ["c", "d"]))', True),
        ('make_column_transformer((StandardScaler(), ["a"]), remainder="passthrough")', True),
        ('make_column_transformer((StandardScaler(), ["a"]), remainder="drop")', False),
        ('ColumnTransformer([("s", StandardScaler(), numbers)])', True),
        ('ColumnTransformer([("s", StandardScaler(), ["a"])])', False),
        ('make_column_transformer((OneHotEncoder(), make_column_selector(dtype_exclude="number")))', True),
    ],
)
def test_a_preparation_that_leaves_columns_out_is_told_from_a_whole_one(made: str, covered: bool) -> None:
    table = Variable("X_train", "DataFrame", "table 90 rows x 4 columns (1 str, 3 float64), nothing missing")
    numbers = Variable("numbers", "list", "list of 4: ['a', 'b', 'c', 'd']")
    prep = Variable("prep", "sklearn.ColumnTransformer", "ColumnTransformer(...)")

    found = read(
        "accuracy_score(y_val, model.predict(X_val))",
        f"prep = {made}\nmodel = make_pipeline(prep, SVC())\nmodel.fit(X_train, y_train)",
        variables=(table, numbers, prep),
    )

    assert (found.table.rows, found.table.columns) == (90, 4)
    assert found.table.covered is covered


@pytest.mark.parametrize(("filled", "covered"), [("SimpleImputer()", True), ('"passthrough"', False)])
def test_a_preparation_that_leaves_gaps_is_not_whole(filled: str, covered: bool) -> None:
    table = Variable(
        "X_train", "DataFrame", "table 90 rows x 4 columns (1 str, 3 float64), missing values in 1 columns"
    )
    prep = Variable("prep", "sklearn.ColumnTransformer", "ColumnTransformer(...)")
    made = f'prep = make_column_transformer((OrdinalEncoder(), ["a"]), remainder={filled})'

    found = read(
        "accuracy_score(y_val, model.predict(X_val))",
        f"{made}\nmodel = make_pipeline(prep, SVC())\nmodel.fit(X_train, y_train)",
        variables=(table, prep),
    )

    assert found.table.covered is covered


def test_openings_are_cells_once_their_pipeline_is_ended() -> None:
    for kind in (Kind.CLASSIFICATION, Kind.REGRESSION):
        mixed = Situation(kind=kind, targets=("model",), plain_numbers=False)
        for idea in choose_ideas(mixed, Operator.IMPROVE, count=9):
            exec(repair(f"{idea.opening}    LinearRegression(),\n)", ()), {})
            assert idea.opening.endswith("\n")


def test_every_idea_names_what_it_uses_and_is_one_line() -> None:
    situations = [
        Situation(kind=kind, text=text, neural=neural, probabilities=True, skewed_error=True, current="SVC")
        for kind in Kind
        for text in (True, False)
        for neural in (True, False)
    ]

    every = {plan for each in situations for plan in plans(each, Operator.IMPROVE, count=99)}

    assert len(every) > 30
    assert not any("\n" in plan or plan.endswith(".") or "{" in plan for plan in every)


def read(expression: str, *cells: str, variables: tuple[Variable, ...] = VARIABLES) -> Situation:
    task = Task(metric=Metric(expression=expression, direction=Direction.MAXIMIZE))
    given = state(*CELLS, *(code(cell) for cell in cells), variables=variables)
    return read_situation(given, task, roles(expression))


def test_a_situation_is_read_from_metric_cells_and_variables() -> None:
    found = read_situation(STATE, TASK, roles(EXPRESSION))

    assert found == Situation(
        kind=Kind.CLASSIFICATION,
        targets=("model",),
        fit_arguments="X_train, y_train",
        trained_on=("X_train", "y_train"),
        families=frozenset({"svm"}),
        table=Table(rows=400, columns=2),
        current="SVC",
    )


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("r2_score(y_val, m.predict(X_val))", Kind.REGRESSION),
        ("rmse(y_val, m.predict(X_val))", Kind.REGRESSION),
        ("roc_auc_score(y_val, m.predict_proba(X_val)[:, 1])", Kind.CLASSIFICATION),
        ("silhouette_score(X, km.labels_)", Kind.CLUSTERING),
        ("m.score(X_val, y_val)", Kind.CLASSIFICATION),
        ("my_metric(m)", Kind.OTHER),
    ],
)
def test_the_kind_of_problem(expression: str, kind: Kind) -> None:
    assert read(expression).kind is kind


def test_the_training_call_is_the_last_one_with_data_and_without_the_held_labels() -> None:
    cells = ("scaler.fit(X_train)", "pipe.fit(X_tr_scaled, y_tr)", "leak.fit(X_val, y_val)")
    failed = code("pipe.fit(X_wrong, y_wrong)", raised("KeyError", "y"))

    assert read_situation(state(*CELLS, failed), TASK, roles(EXPRESSION)).fit_arguments == "X_train, y_train"
    assert read("accuracy_score(y_val, pipe.predict(X_val))", *cells).fit_arguments == "X_tr_scaled, y_tr"


def test_text_networks_and_mixed_columns_are_noticed() -> None:
    mixed = Variable(
        name="X_train", type="DataFrame", summary="DataFrame 9 x 3 (2 float64, 1 str; 4 missing)"
    )

    assert read("m.score(a, b)", "v = TfidfVectorizer()").text
    assert read("m.score(a, b)", "import torch").neural
    assert read("m.score(a, b)").plain_numbers
    assert not read("m.score(a, b)", variables=(mixed,)).plain_numbers
