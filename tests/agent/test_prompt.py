"""The prompt: what always stays, what never enters, in which order, and within which budget."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.agent.memory import MemoryEntry
from jupyter_mlagent.agent.parser import PREFILL
from jupyter_mlagent.agent.prompt import MINIMUM_TOKENS, PromptBudget, PromptBuild, build_messages
from jupyter_mlagent.engine.api import EngineInfo
from jupyter_mlagent.prompting import guided_share
from jupyter_mlagent.records import Cell, Direction, Metric, Operator, State, Task, TrialStatus, Variable

from .states import CELLS, EXPRESSION, STATE, TASK, VARIABLES, code, note, printed, raised, shown, state


def by_characters(per_token: float) -> Callable[[str], int]:
    return lambda text: int(len(text.encode("utf-8", "surrogatepass")) / per_token) + 1


def build(
    given_state: State = STATE,
    task: Task = TASK,
    tokens: int = 4_000,
    operator: Operator = Operator.IMPROVE,
    **options: object,
) -> PromptBuild:
    return build_messages(
        given_state,
        task,
        operator=operator,
        budget=PromptBudget(tokens=tokens, count=by_characters(3.0)),
        **options,  # type: ignore[arg-type]
    )


def text(prompt: PromptBuild) -> str:
    return "\n".join(message.content for message in prompt.messages)


def test_the_prompt_names_the_goal_what_to_assign_and_what_to_leave_alone() -> None:
    prompt = text(build())

    assert f"a higher value of {EXPRESSION}" in prompt
    assert "Put the result into model" in prompt
    assert "Never change y_val" in prompt
    assert "model.fit(X_train, y_train)" in prompt.rpartition("Answer in this form")[2]


def test_what_stays_the_same_stands_first_and_what_is_asked_last() -> None:
    prompt = text(build(hint="try fewer features"))

    marks = [
        "machine learning engineer",
        "Goal:",
        "Answer in this form",
        "Who leaves",
        "read_csv",
        "Variables in memory",
        "SVC(C=0.1)",
        "try fewer features",
        "The metric is now 0.81",
    ]
    assert [prompt.index(mark) for mark in marks] == sorted(prompt.index(mark) for mark in marks)


def test_changing_only_the_last_cell_keeps_everything_before_it() -> None:
    edited = state(*CELLS[:-1], code(CELLS[-1].source.replace("0.1", "0.25"), printed("0.83\n")), value=0.83)

    before, after = text(build()), text(build(edited))

    common = next(place for place, (a, b) in enumerate(zip(before, after, strict=False)) if a != b)
    assert common >= before.index("model = SVC(C=0.1)")


@pytest.mark.parametrize("tokens", [700, 900, 1_200, 2_000])
def test_a_longer_last_cell_or_output_does_not_change_what_stands_before_it_even_when_space_is_short(
    tokens: int,
) -> None:
    """Given a notebook that does not fit, edits of the last cell leave the tokens before it as they were."""
    many = [code(f"step_{number} = transform(step_{number - 1}, alpha={number})") for number in range(1, 120)]
    variants = [
        state(*many, code("model = SVC(C=1).fit(X_train, y_train)", printed("0.8"))),
        state(*many, code("model = SVC(C=12.5, gamma=0.1).fit(X_train, y_train)", printed("0.81"))),
        state(*many, code("model = SVC(C=1).fit(X_train, y_train)\nprint(model)", printed("0.8\nSVC(C=1)"))),
    ]

    heads = {text(build(variant, tokens=tokens)).split("model = SVC")[0] for variant in variants}

    assert len(heads) == 1


def test_thousands_of_variables_are_trimmed_and_those_of_the_metric_stay() -> None:
    many = tuple(Variable(name=f"v{number}", type="int", summary=str(number)) for number in range(5_000))

    prompt = build(state(*CELLS, variables=(*many, *VARIABLES)))

    for name in ("X_val", "y_val", "model"):
        assert f"\n- {name}: " in text(prompt)
    assert "more: " in text(prompt)
    assert len(text(prompt)) < 6_000


@pytest.mark.parametrize("tokens", [MINIMUM_TOKENS, 800])
def test_in_the_smallest_budget_the_metrics_variables_and_cell_stay(tokens: int) -> None:
    filler = [
        code(f"table_{number} = df.groupby('a').agg(['mean', 'std'])", printed("x " * 400))
        for number in range(80)
    ]

    prompt = text(build(state(*CELLS, *filler), tokens=tokens))

    assert "- model: SVC(C=0.1), fitted" in prompt
    assert "model = SVC(C=0.1).fit(X_train, y_train)" in prompt


def test_pictures_html_and_long_blobs_never_enter() -> None:
    blob = base64.b64encode(bytes(range(256)) * 40).decode()
    pictures = code(
        "df.plot()", shown(**{"image/png": blob, "text/html": f"<img src='{blob}'>", "text/plain": "<Axes>"})
    )
    inline = note(f"![figure](data:image/png;base64,{blob})")
    logged = code("show()", printed(f"data:image/png;base64,{blob}\nsecret {blob} end\n"))
    source = code(f"icon = '{blob}'")

    prompt = text(build(state(*CELLS, pictures, inline, logged, source)))

    assert blob[:60] not in prompt
    assert "<img" not in prompt
    assert "<Axes>" not in prompt


def test_long_outputs_keep_head_and_tail() -> None:
    lines = "\n".join(f"row {number}" for number in range(10_000))

    prompt = text(build(state(*CELLS, code("df", shown(**{"text/plain": lines})))))

    assert "row 0" in prompt
    assert "row 9999" in prompt
    assert "row 5000" not in prompt


def test_fifty_megabytes_of_output_are_not_read_through() -> None:
    """Given outputs far larger than a prompt, only their ends are looked at."""

    class Counted(str):
        looked_at = 0

        def __getitem__(self, key: object) -> str:
            part = super().__getitem__(key)  # type: ignore[index]
            Counted.looked_at += len(part)
            return part

    huge = Counted("line\n" * 10_000_000)

    build(state(*CELLS, code("chatter()", printed(huge))))

    assert Counted.looked_at < 100_000


def test_an_overwritten_progress_bar_shows_its_last_state_and_no_colours() -> None:
    bar = "\r".join(f"\x1b[32m{percent}%\x1b[0m" for percent in range(0, 101, 10)) + "\ndone\n"

    prompt = text(build(state(*CELLS, code("train()", printed(bar)))))

    assert "Output:\n100%\ndone" in prompt
    assert "90%" not in prompt
    assert "\x1b" not in prompt


def test_debugging_shows_the_error_the_failing_line_and_asks_for_the_whole_cell() -> None:
    failing = code(
        "model = SVC()\nmodel.fit(X_train, y_train)",
        raised(
            "ValueError",
            "could not convert string to float: 'Rome'",
            *["\x1b[31mFile somewhere deep in a library\x1b[0m"] * 60,
            "----> 2 model.fit(X_train, y_train)",
            "ValueError: could not convert string to float: 'Rome'",
        ),
    )

    prompt = text(build(state(*CELLS, failing, value=None), operator=Operator.DEBUG))

    assert "line 2: model.fit(X_train, y_train)" in prompt
    assert "failed with ValueError: could not convert string to float: 'Rome'" in prompt
    assert "Write that one cell again" in prompt
    assert "somewhere deep" not in prompt


def test_a_notebook_without_metric_or_cells_still_makes_a_prompt() -> None:
    prompt = text(build(state(value=None, variables=()), Task(metric=None), operator=Operator.DRAFT))

    assert "train a first model" in prompt


def test_a_metric_without_a_model_asks_for_what_it_reads() -> None:
    task = Task(metric=Metric(expression="mean_squared_error(y_val, pred)", direction=Direction.MINIMIZE))

    prompt = text(build(task=task))

    assert "a lower value of" in prompt
    assert "Put the result into pred" in prompt


def test_earlier_steps_are_told_by_plan_and_result_in_one_line_each() -> None:
    memory = [
        MemoryEntry(Operator.IMPROVE, "scale\nthe features", TrialStatus.OK, 0.81, 0.84, kept=True),
        MemoryEntry(Operator.IMPROVE, "use a forest", TrialStatus.ERROR, 0.81, None, error="ValueError: no"),
    ]

    prompt = text(build(memory=memory))

    assert "- scale the features -> 0.81 to 0.84 (kept)\n- use a forest -> failed, ValueError: no" in prompt


def test_every_reply_has_a_start_of_its_own_and_all_begin_alike() -> None:
    prompt = build(replies=8)

    assert len(prompt.prefills) == 8
    assert all(start.startswith(PREFILL) for start in prompt.prefills)
    guided = [start for start in prompt.prefills if start != PREFILL]
    assert len(set(guided)) == len(guided) == 6


@pytest.mark.parametrize(
    ("model", "adapter", "own"),
    [("qwen2.5-coder-1.5b", None, 0), ("qwen2.5-coder-0.5b", "a.gguf", 0), ("qwen2.5-coder-7b", None, 2)],
)
def test_a_small_model_is_given_every_plan(model: str, adapter: str | None, own: int) -> None:
    share = guided_share(EngineInfo(model=model, context_tokens=4096, adapter=adapter))
    prompt = build(replies=8, guided=share)

    assert prompt.prefills.count(PREFILL) == own


def test_a_persons_hint_is_not_talked_over_by_ideas() -> None:
    prompt = build(replies=4, hint="use a ridge regression")

    assert prompt.prefills == (PREFILL,) * 4
    assert "Ideas" not in text(build(hint="use a ridge regression"))


def test_without_starts_of_their_own_the_replies_get_a_list_of_ideas() -> None:
    assert "Ideas to choose" in text(build())
    assert "Ideas to choose" not in text(build(replies=4))
    assert build().prefills == ()


def test_the_same_seed_gives_the_same_prompt_and_another_one_other_ideas() -> None:
    assert build(seed=3) == build(seed=3)
    assert len({text(build(seed=seed)) for seed in range(8)}) > 1


def test_what_was_shortened_is_named() -> None:
    long = code("\n".join(f"value_{number} = {number}" for number in range(400)))

    prompt = build(state(*CELLS[:3], long, CELLS[3]), tokens=900)

    assert "cell 4 shortened" in prompt.dropped
    assert build().dropped == ()


def test_a_budget_below_the_minimum_is_refused() -> None:
    with pytest.raises(ValueError, match=str(MINIMUM_TOKENS)):
        build(tokens=MINIMUM_TOKENS - 1)


ANY_TEXT = st.text(max_size=300) | st.text("ab\n =(", max_size=2_000).map(lambda part: part * 4)
OUTPUTS = st.one_of(
    ANY_TEXT.map(printed),
    ANY_TEXT.map(lambda part: shown(**{"text/plain": part, "text/html": part})),
    st.builds(raised, st.text(max_size=20), ANY_TEXT, ANY_TEXT),
    st.just({"output_type": "display_data"}),
)
ANY_CELL = st.builds(
    Cell,
    id=st.text(max_size=4),
    kind=st.sampled_from(["code", "code", "markdown", "raw"]),
    source=ANY_TEXT,
    outputs=st.lists(OUTPUTS, max_size=2).map(tuple),
)
ANY_VARIABLE = st.builds(
    Variable, name=st.text(max_size=40), type=ANY_TEXT, summary=ANY_TEXT, detail=ANY_TEXT
)
ANY_METRIC = st.builds(
    Metric,
    expression=st.sampled_from([EXPRESSION, "(((", "r2_score(a, b.predict(c))" * 80]) | ANY_TEXT,
    direction=st.sampled_from(Direction),
    origin=st.sampled_from(["given", "printed in cell 1", "printed in cell 999", "cell x"]),
)


@settings(deadline=None, max_examples=150)
@given(
    cells=st.lists(ANY_CELL, max_size=12).map(tuple),
    variables=st.lists(ANY_VARIABLE, max_size=30).map(tuple),
    task=st.builds(Task, metric=st.none() | ANY_METRIC, description=ANY_TEXT),
    operator=st.sampled_from(Operator),
    hint=ANY_TEXT,
    tokens=st.integers(MINIMUM_TOKENS, 3_000),
    per_token=st.sampled_from([2.0, 3.0, 4.5]),
    replies=st.sampled_from([0, 1, 4]),
)
def test_no_notebook_ever_overflows_the_budget(
    cells: tuple[Cell, ...],
    variables: tuple[Variable, ...],
    task: Task,
    operator: Operator,
    hint: str,
    tokens: int,
    per_token: float,
    replies: int,
) -> None:
    count = by_characters(per_token)
    given_state = State(notebook="n", cells=cells, variables=variables, metric_value=0.5)

    prompt = build_messages(
        given_state,
        task,
        operator=operator,
        hint=hint,
        budget=PromptBudget(tokens=tokens, count=count),
        replies=replies,
    )

    longest = max([count(start) for start in prompt.prefills] or [count(prompt.prefill)])
    assert sum(count(message.content) for message in prompt.messages) + longest <= tokens


def test_lines_of_earlier_notebooks_and_an_analysis_stand_behind_the_last_cell() -> None:
    prompt = text(build(insights=["a", "b", "c"], analysis="The\nmodel is too simple.", hint="be quick"))

    assert "In earlier notebooks:\n- a\n- b\n\n" in prompt and "- c" not in prompt
    parts = [
        "model.predict(X_val)))",
        "In earlier notebooks",
        "Analysis: The model is too simple.",
        "be quick",
    ]
    places = [prompt.rindex(part) for part in parts]
    assert places == sorted(places)
