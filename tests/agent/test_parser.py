"""Replies become a plan and a cell, whatever small models write around them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.agent.dedupe import normalised_key
from jupyter_mlagent.agent.parser import PREFILL, STOP, Malformed, Reply, ReplyStream, parse_reply
from jupyter_mlagent.agent.repair import Expected

CODE = "model = SVC(C=10)\nmodel.fit(X_train, y_train)"
GOOD = f"```python\n# PLAN: use a support vector machine.\n{CODE}\n```"


def test_the_asked_form() -> None:
    assert parse_reply(GOOD) == Reply(plan="use a support vector machine.", code=CODE)


@pytest.mark.parametrize(
    "text",
    [
        f"```python\n# PLAN: p\n{CODE}",
        f"```python\n#PLAN: p\n\n{CODE}\n```\nThis cell (SVC) is better.",
        f"PLAN: p\n```python\n{CODE}",
        f"PLAN: p\n```py\n{CODE}\n```",
        f"PLAN: p\n```\n{CODE}\n```",
        f"PLAN: p\n\n~~~python\n{CODE}\n~~~",
        f"PLAN: p\n```python\n{CODE}\n```\nThis cell trains a support vector machine (SVC), which is better.",
        f"PLAN: p\n```python\n{CODE}\n```\n```\naccuracy: 0.99\n```",
        f"PLAN: p\n```python\n!pip install scikit-learn\n```\n```python\n{CODE}\n```",
        f"PLAN: p\n```python\n%pip install xgboost\n!pip3 install x\n%matplotlib inline\n{CODE}\n```",
        f"PLAN: p\n```bash\npip install x\n```\n```python\n{CODE}\n```",
        f"Sure! Here is the cell.\nPLAN: p\n```python\n{CODE}\n```",
        f"**Plan:** p\n```python\n{CODE}\n```",
        f"PLAN: p\r\n```python\r\n{CODE}\r\n```".replace("\n", "\r\n").replace("\r\r", "\r"),
        f"PLAN: p\n{CODE}",
        f"PLAN: p\n\n{CODE}\n\nThis should do better.",
        f"PLAN: p\n```python\n{CODE}\n```<|im_end|>\n<|im_start|>user\nThanks!",
        "PLAN: p\n```python\n" + "\n".join(f"    {line}" for line in CODE.split("\n")) + "\n```",
        "PLAN: p\n```python\n" + "\n".join(f">>> {line}" for line in CODE.split("\n")) + "\n```",
        f"PLAN: p\n```python\nIn [4]: {CODE.replace(chr(10), chr(10) + '   ...: ')}\n```",
    ],
    ids=range(20),
)
def test_what_is_written_around_the_cell_is_tolerated(text: str) -> None:
    assert parse_reply(text) == Reply(plan="p", code=CODE)


def test_a_cell_split_over_two_blocks_is_one_cell() -> None:
    reply = parse_reply(
        "PLAN: p\n```python\nfrom sklearn.svm import SVC\n```\nThen:\n```python\nmodel = SVC()\n```"
    )

    assert reply == Reply(plan="p", code="from sklearn.svm import SVC\nmodel = SVC()")


def test_an_alternative_after_the_cell_is_left_out() -> None:
    reply = parse_reply(f"PLAN: p\n```python\n{CODE}\n```\nOr:\n```python\nmodel = Ridge()\n```")

    assert reply == Reply(plan="p", code=CODE)


@pytest.mark.parametrize(
    ("text", "finish", "reason"),
    [
        (f"PLAN: p\n```python\n{CODE}", "length", "cut off"),
        ("PLAN: p and then, at great length, ", "length", "cut off"),
        ("PLAN: p", "stop", "no code"),
        ("", "stop", "no code"),
        ("PLAN: p\n```python\n\n```", "stop", "no code"),
        ("PLAN: p\n```python\n# TODO\n```", "stop", "no code"),
        ("PLAN: p\n```python\n!pip install xgboost\n```", "stop", "no code"),
        ("I am sorry, but I cannot (really) help with that.", "stop", "no code"),
        ("PLAN: p\n```json\n{}\n```", "stop", "no code"),
    ],
)
def test_what_could_not_be_a_step_is_malformed_with_a_reason(text: str, finish: str, reason: str) -> None:
    reply = parse_reply(text, finish_reason=finish)

    assert isinstance(reply, Malformed)
    assert reason in reply.reason


def test_a_reply_cut_off_after_its_cell_is_whole() -> None:
    assert parse_reply(f"{GOOD}\nThis cell", finish_reason="length") == parse_reply(GOOD)


def test_a_cell_that_is_already_there_is_malformed() -> None:
    existing = {normalised_key(f"# my model\n{CODE}  # fit")}

    assert isinstance(parse_reply(GOOD, existing=existing), Malformed)
    assert isinstance(parse_reply(GOOD.replace("10", "20"), existing=existing), Reply)


def test_a_missing_plan_is_taken_from_the_code() -> None:
    reply = parse_reply("```python\nmodel = GradientBoostingClassifier().fit(X, y)\n```")

    assert isinstance(reply, Reply)
    assert reply.plan == "Fit GradientBoostingClassifier."


def test_magics_that_work_in_a_notebook_stay() -> None:
    reply = parse_reply("PLAN: p\n```python\n%%time\nmodel = SVC()\n```")

    assert reply == Reply(plan="p", code="%%time\nmodel = SVC()")


def test_a_cell_is_completed_when_the_kernels_names_are_known() -> None:
    reply = parse_reply(
        "PLAN: p\n```python\nmodel = SVC()\n```",
        known_names={"X_train", "y_train"},
        expected=Expected(targets=("model",), fit_arguments="X_train, y_train"),
    )

    assert reply == Reply(
        plan="p", code="from sklearn.svm import SVC\nmodel = SVC()\nmodel.fit(X_train, y_train)"
    )


def test_stop_strings_never_end_a_reply_in_the_asked_form_before_its_cell() -> None:
    assert all(GOOD.find(stop) == -1 for stop in STOP)


@settings(deadline=None)
@given(st.text(max_size=200), st.sampled_from(["stop", "length"]))
def test_any_text_is_a_reply_or_malformed(text: str, finish: str) -> None:
    reply = parse_reply(text, finish_reason=finish)

    if isinstance(reply, Reply):
        assert reply.code.strip()
        assert reply.plan.strip()
        assert "\n" not in reply.plan
    else:
        assert reply.reason


CODE_LINES = st.lists(
    st.sampled_from(
        ["model = SVC()", "model.fit(X, y)", "", "for a in b:", "    print(a)", "s = '`'", "# `x`"]
    ),
    min_size=1,
    max_size=6,
)
PLANS = st.text(
    st.characters(codec="ascii", exclude_characters="\n\r`~|", exclude_categories=["Cc"]), max_size=30
)


FORMS = [
    "```python\n# PLAN: PLAN_TEXT\nCODE_TEXT\n```",
    "PLAN: PLAN_TEXT\n```python\nCODE_TEXT\n```\nprose",
    "PLAN_TEXT\n```py\nCODE_TEXT",
]


@settings(deadline=None)
@given(PLANS, CODE_LINES, st.lists(st.integers(1, 9), max_size=60), st.sampled_from(FORMS))
def test_the_stream_gives_plan_and_code_in_any_pieces(
    plan: str, lines: list[str], sizes: list[int], form: str
) -> None:
    """Given a reply in the asked form, however it is cut up, the pieces add up to its plan and its code."""
    code = "\n".join(lines)
    text = form.replace("PLAN_TEXT", f"x{plan}").replace("CODE_TEXT", code)
    stream = ReplyStream()
    plans, codes = "", ""
    position = 0
    for size in [*sizes, len(text)]:
        new_plan, new_code = stream.feed(text[position : position + size])
        plans, codes = plans + new_plan, codes + new_code
        position += size

    assert plans == f"x{plan}"
    assert codes.strip("\n") == code.strip("\n")
    assert (stream.plan, stream.code) == (plans, codes)


def test_the_stream_shows_the_plan_before_the_code_and_no_fence() -> None:
    stream = ReplyStream()
    pieces = ["``", "`python\n", "# PLAN:", " fit", " it.\nmo", "del = 1", "\n``", "`"]

    seen = [stream.feed(piece) for piece in pieces]

    assert seen == [
        ("", ""), ("", ""), ("", ""), ("fit", ""), (" it.", "mo"), ("", "del = 1"), ("", "\n"), ("", "")
    ]  # fmt: skip


@settings(deadline=None)
@given(PLANS, CODE_LINES, st.integers(0, 400), st.integers(1, 9))
def test_a_start_that_is_known_ahead_is_shown_at_once_and_not_again(
    plan: str, lines: list[str], known: int, size: int
) -> None:
    """Given the start of a reply before it comes, then the reply in pieces, plan and code are given once."""
    code = "\n".join(lines)
    text = f"{PREFILL} x{plan}\n{code}\n```"
    stream = ReplyStream()
    plans, codes = stream.ahead(text[: len(PREFILL) + known])
    for position in range(0, len(text), size):
        new_plan, new_code = stream.feed(text[position : position + size])
        plans, codes = plans + new_plan, codes + new_code

    assert plans == f"x{plan}"
    assert codes.strip("\n") == code.strip("\n")
