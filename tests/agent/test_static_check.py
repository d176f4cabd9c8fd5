"""What is said of a cell before it runs: no false alarm may stop a cell that would have run."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlagent.agent.static_check import NO_EFFECT, check_cell

KNOWN = {"X_train", "y_train", "X_val", "y_val", "model", "np", "df", "SVC"}
READS = ("model", "X_val", "y_val")


def fatal(code: str) -> list[str]:
    return [problem.name for problem in check_cell(code, KNOWN) if problem.fatal]


@pytest.mark.parametrize(
    "code",
    [
        "model = SVC().fit(X_train, y_train)",
        "from sklearn.svm import LinearSVC as L\nm = L()",
        "import sklearn.svm\nsklearn.svm.SVC()",
        "a, (b, *c) = 1, (2, 3)\nprint(a, b, c)",
        "[x * y for x in range(3) for y in range(x) if x > y]",
        "{k: v for k, v in {}.items()}",
        "if (n := len(df)) > 3:\n    print(n)",
        "print([last := i for i in range(3)], last)",
        "def f(a, *b, c=1, **d):\n    e = a\n    return b, c, d, e, later\nlater = 2\nf(1)",
        "def f():\n    global made\n    made = 1\nf()\nprint(made)",
        "class A(SVC):\n    x = 1\n    y = x\n    def m(self):\n        return __class__, self.x\nA()",
        "try:\n    import xgboost\nexcept ImportError as error:\n    print(error)",
        "with open('a') as f, open('b') as g:\n    f, g",
        "for i, row in enumerate(df):\n    pass\nprint(i, row)",
        "f = lambda x, *y: (x, y)",
        "match df:\n    case [a, *b]:\n        a\n    case {1: v, **c}:\n        v\n    case d:\n        d",
        "del model",
        "from sklearn.linear_model import *\nLasso()",
        "exec('zzz = 1')\nprint(zzz)",
        "files = !ls\nprint(files)",
        "%run other.py\nsomething()",
        "%%time\nmodel.fit(X_train, y_train)",
        "%%bash\nfoo $(bar",
        "%timeit np.sum([1])",
        "await df",
        "async for x in df:\n    print(x)",
        "_ + __\nIn[0], Out, get_ipython()\ndisplay(df)",
        "x: int\nx = 1\nx += 1\nprint(x)",
        "while True:\n    done = 1\n    break\nprint(done)",
        "try:\n    df2\nexcept NameError:\n    df2 = df",
        "def outer():\n    def inner():\n        nonlocal v\n        v = 2\n    v = 1\n    inner()",
        "print(f'{df!r:>{10}}')",
        "@np.vectorize\ndef g(x):\n    return x",
        "?model",
        "df.head?",
    ],
)
def test_cells_that_can_run_have_no_fatal_problem(code: str) -> None:
    assert fatal(code) == []


@pytest.mark.parametrize(
    ("code", "name", "says"),
    [
        ("model = SVC(", "SyntaxError", "line 1"),
        ("x = 1\n  y = 2", "SyntaxError", "line 2"),
        ("return 1", "SyntaxError", "return"),
        ("for i in range(3):\nprint(i)", "SyntaxError", "line 2"),
        ("m = RandomForestClassifier()", "NameError", "RandomForestClassifier"),
        ("m = SVC().fit(X_tr, y_train)", "NameError", "X_tr"),
        ("print(later)\nlater = 1", "NameError", "later"),
        ("total += 1", "NameError", "total"),
        ("with torch.no_grad():\n    pass", "NameError", "torch"),
        ("x = [z for a in df]", "NameError", "z"),
        ("x = 1\0", "SyntaxError", ""),
        ("del gone", "NameError", "gone"),
        ("def f(x=missing):\n    pass", "NameError", "missing"),
        ("class A(Missing):\n    pass", "NameError", "Missing"),
    ],
)
def test_cells_that_cannot_run_are_told_with_the_reason(code: str, name: str, says: str) -> None:
    problem = check_cell(code, KNOWN)[0]

    assert problem.fatal
    assert problem.name == name
    assert says in problem.sentence
    assert problem.sentence.endswith(".")


def test_a_name_that_may_never_be_reached_is_a_problem_but_not_fatal() -> None:
    for code in ("def f():\n    return nowhere", "if df is None:\n    nowhere()", "df is None and nowhere"):
        (problem,) = check_cell(code, KNOWN)
        assert (problem.name, problem.fatal) == ("NameError", False)


@pytest.mark.parametrize(
    "code",
    [
        "clf = SVC().fit(X_train, y_train)\nprint(clf.score(X_val, y_val))",
        "print(model)",
        "pred = model.predict(X_val)\nacc = (pred == 1).mean()",
        "import sklearn",
        "df.plot()",
        "from sklearn.base import clone\nfresh = clone(model)",
    ],
)
def test_a_cell_that_certainly_leaves_the_metric_alone_is_named(code: str) -> None:
    problems = check_cell(code, KNOWN, READS)

    assert [(problem.name, problem.fatal) for problem in problems] == [(NO_EFFECT, False)]


@pytest.mark.parametrize(
    "code",
    [
        "model = SVC()",
        "model.fit(X_train, y_train)",
        "model.C = 3",
        "model.set_params(C=3)",
        "alias = model\nalias.fit(X_train, y_train)",
        "models = [model]\nmodels[0].fit(X_train, y_train)",
        "train(model)",
        "X_val['a'] = 1",
        "X_val -= X_train.mean()",
        "for model in [SVC()]:\n    pass",
        "exec('model = 1')",
        "%time model.fit(X_train, y_train)",
        "from x import *",
        "globals()['model'] = 1",
        "def f():\n    global model\n    model = 1\nf()",
    ],
)
def test_a_cell_that_may_change_the_metric_is_not(code: str) -> None:
    assert NO_EFFECT not in [problem.name for problem in check_cell(code, KNOWN, READS)]


@settings(deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_checked_without_an_error(text: str) -> None:
    for problem in check_cell(text, KNOWN, READS):
        assert problem.sentence


STATEMENTS = st.sampled_from(
    [
        *("a = 1", "b = a", "c = [a for a in range(2)]", "def f():\n    return b", "f()", "del a", "a += 1"),
        *(
            "for a in range(2):\n    b = a",
            "if a:\n    d = b",
            "print(d)",
            "import math as a",
            "e = lambda: c",
        ),
        *("e()", "class K:\n    z = a", "try:\n    c = d\nexcept Exception as b:\n    pass"),
        "x = (w := 3) + w",
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.lists(STATEMENTS, min_size=1, max_size=6))
def test_fatal_means_that_the_cell_raises(statements: list[str]) -> None:
    """Given random programs, whatever is called fatal does raise when it is run."""
    code = "\n".join(statements)

    if any(problem.fatal for problem in check_cell(code, set())):
        with pytest.raises(Exception):  # noqa: B017 - whatever raises first
            exec(compile(code, "cell", "exec"), {})
