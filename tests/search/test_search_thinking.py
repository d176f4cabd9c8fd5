"""Twins of a sibling are not tried, and an analysis comes first where it is wanted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlagent.agent.memory import remember
from jupyter_mlagent.engine.fake import ScriptedEngine
from jupyter_mlagent.engine.parameters import parameters_of
from jupyter_mlagent.errors import EngineError
from jupyter_mlagent.records import Cell, Direction, Metric, Operator, Task, Variable
from jupyter_mlagent.search.distinct import Distinct, cosine_distance, essence
from jupyter_mlagent.search.expander import Order
from jupyter_mlagent.search.reasoning import Reasoner, opening, question, whole_sentences
from jupyter_mlagent.search.settings import SearchSettings

from .growing import error, ok, step

FOREST = "from sklearn.ensemble import *\nmodel = RandomForestClassifier(n_estimators={}).fit(X, y)"
TASK = Task(metric=Metric(expression="accuracy_score(y, model.predict(X))", direction=Direction.MAXIMIZE))


class Measured:
    """Embeds a forest by its number of trees: 100 and 101 are near, 100 and 300 far."""

    def __init__(self, fails: bool = False) -> None:
        self.asked: list[str] = []
        self.fails = fails

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.fails:
            raise EngineError("The endpoint has no embeddings.")
        self.asked += texts
        trees = [int("".join(filter(str.isdigit, text)) or 0) for text in texts]
        return [[1.0, count / 1000] for count in trees]


async def test_a_cell_like_its_sibling_is_its_twin_and_another_setting_is_not() -> None:
    measured = Measured()
    distinct = Distinct(measured.embed, 0.001)
    assert await distinct.twin(FOREST.format(101), [FOREST.format(100)])
    assert not await distinct.twin(FOREST.format(300), [FOREST.format(100)])
    assert sorted(measured.asked) == sorted({essence(FOREST.format(n)) for n in (100, 101, 300)})
    assert distinct.seconds > 0


async def test_cells_of_other_estimators_are_told_apart_without_the_model() -> None:
    measured = Measured()
    distinct = Distinct(measured.embed, 0.5)
    assert not await distinct.twin("model = SVC(C=2).fit(X, y)", [FOREST.format(1)])
    assert not await distinct.twin("x = 1", ["x = 2"])
    assert not await distinct.twin(FOREST.format(1), [])
    assert not measured.asked


async def test_an_engine_without_embeddings_leaves_everything_distinct() -> None:
    distinct = Distinct(Measured(fails=True).embed, 0.5)
    assert not await distinct.twin(FOREST.format(1), [FOREST.format(2)])
    assert "no embeddings" in distinct.problem
    off = Measured()
    assert not await Distinct(off.embed, 0.0).twin(FOREST.format(1), [FOREST.format(2)]) and not off.asked


@given(
    st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3),
    st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=3),
)
def test_the_distance_is_symmetric_and_bounded(one, other) -> None:
    assert 0.0 <= cosine_distance(one, other) <= 2.0
    assert cosine_distance(one, other) == cosine_distance(other, one)


def order(operator: Operator = Operator.IMPROVE, memory=(), cells=()) -> Order:
    return Order(
        node=1,
        operator=operator,
        width=1,
        cells=cells,
        sources=(),
        metric=0.8,
        memory=memory,
        tried=(),
        hint="",
        seed=3,
    )


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("qwen2.5-coder-0.5b", 0.5e9),
        ("qwen2.5-coder-1.5b", 1.5e9),
        ("smollm2-135m", 135e6),
        ("Qwen/Qwen2.5-7B-Instruct", 7e9),
        ("gpt-large", None),
        ("scripted", None),
    ],
)
def test_a_models_name_says_how_large_it_is(model: str, size: float | None) -> None:
    assert parameters_of(model) == size


async def test_an_analysis_is_asked_for_only_where_it_is_wanted() -> None:
    engine = ScriptedEngine(["The features are not scaled. Scale them. Then"])
    silent = await Reasoner(engine, SearchSettings()).analysis(order(), TASK, ())
    assert (silent.text, silent.tokens, engine.requests) == ("", 0, [])
    said = await Reasoner(engine, SearchSettings(reasoning=True)).analysis(order(), TASK, ())
    assert said.text == "The metric is held back byThe features are not scaled. Scale them."
    assert said.tokens > 0 and engine.requests[0].options.max_tokens == SearchSettings().reasoning_tokens


def test_the_search_begins_the_sentence_by_what_came_of_the_steps() -> None:
    failed, ran = remember(step("a = 1"), error()), remember(step("b = 1"), ok(0.7))
    assert opening(Operator.DEBUG, ()) == "The cell fails because"
    assert "failed by missing values" in opening(Operator.IMPROVE, (failed, failed, ran))
    assert opening(Operator.IMPROVE, (ran, ran, failed)).startswith("From what was tried")
    assert opening(Operator.DRAFT, ()) == "The metric is held back by"


def test_the_question_holds_the_cell_what_it_raised_and_the_siblings_without_their_code() -> None:
    raised = {"output_type": "error", "ename": "ValueError", "evalue": "Input contains NaN", "traceback": []}
    cells = (Cell(id="c", kind="code", source="model = Forest().fit(X, y)", outputs=(raised,)),)
    sibling = remember(step("secret = 1", plan="a forest"), ok(0.7))
    table = Variable(name="X", type="DataFrame", summary="10 x 2")
    asked = question(order(Operator.DEBUG, (sibling,), cells), TASK, (table,))
    for part in (
        "Forest().fit",
        "raised ValueError: Input contains NaN",
        "- a forest ->",
        "X: 10 x 2",
        "0.8 now",
    ):
        assert part in asked
    assert "secret" not in asked


def test_a_sentence_that_was_cut_off_is_left_out() -> None:
    assert whole_sentences("One. Two is cut") == "One."
    assert whole_sentences("All of\nit.") == "All of it."
    assert whole_sentences("nothing whole") == ""
