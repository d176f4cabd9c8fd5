"""Given a submission, when it is graded, then a score comes back or one sentence naming file and column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_rl.tasks import submission as read
from local_rl.tasks.errors import InvalidSubmission, TaskError
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.grading import grade
from local_rl.tasks.scores import correlation, mean_average_precision, quadratic_kappa, rmse, rmsle

Make = Callable[..., Path]


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "answers.csv").write_text("id,y,kind,items\n1,10,a,x y\n2,20,b,z\n3,30,a,x\n")
    return folder


def handed_in(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "submission.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", r"submission\.csv cannot be read as CSV"),
        ("id,z\n1,2\n", r"submission\.csv has no column 'y'; it must have id, y"),
        ("y\n1\n", r"has no column 'id'"),
        (
            "id,y\n1,1\n2,2\n",
            r"submission\.csv: column 'id' must hold exactly the 3 ids.*1 missing, 0 unknown",
        ),
        ("id,y\n1,1\n2,2\n3,3\n4,4\n", r"0 missing, 1 unknown"),
        ("id,y\n1,1\n1,1\n2,2\n3,3\n", r"column 'id' repeats values: '1'"),
        ("id,y\n1,ten\n2,2\n3,3\n", r"column 'y' has 1 values that are no finite numbers: 'ten'"),
        ("id,y\n1,inf\n2,\n3,3\n", r"column 'y' has 2 values that are no finite numbers"),
        ("id,y\n1,-1\n2,2\n3,3\n", r"column 'y' has values below 0"),
    ],
)
def test_wrong_numbers_are_one_sentence(tmp_path: Path, answers: Path, text: str, says: str) -> None:
    with pytest.raises(InvalidSubmission, match=says) as caught:
        read.numbers(handed_in(tmp_path, text), answers, "y", minimum=0)
    assert "\n" not in str(caught.value)


def test_an_absent_submission_is_named(tmp_path: Path, answers: Path) -> None:
    with pytest.raises(InvalidSubmission, match=r"There is no submission\.csv"):
        read.numbers(tmp_path / "submission.csv", answers, "y")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,kind\n1,a\n2,c\n3,a\n", r"column 'kind' has unknown classes: 'c'; known are 'a', 'b'"),
        ("id,kind\n1,a\n2,\n3,a\n", r"column 'kind' has empty values"),
    ],
)
def test_wrong_classes_are_one_sentence(tmp_path: Path, answers: Path, text: str, says: str) -> None:
    with pytest.raises(InvalidSubmission, match=says):
        read.labels(handed_in(tmp_path, text), answers, "kind")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,a\n1,1\n2,1\n3,1\n", r"no column 'b'"),
        ("id,a,b\n1,1,0\n2,0,0\n3,1,0\n", r"rows in which every class has probability 0"),
        ("id,a,b\n1,2,0\n2,0,1\n3,1,0\n", r"column 'a' has probabilities outside 0 to 1"),
    ],
)
def test_wrong_class_probabilities_are_one_sentence(
    tmp_path: Path, answers: Path, text: str, says: str
) -> None:
    with pytest.raises(InvalidSubmission, match=says):
        read.class_probabilities(handed_in(tmp_path, text), answers, "kind")


def test_an_item_ranked_twice_is_refused(tmp_path: Path, answers: Path) -> None:
    with pytest.raises(InvalidSubmission, match="column 'items' names an item twice"):
        read.rankings(handed_in(tmp_path, "id,items\n1,x x\n2,z\n3,x\n"), answers, "items")


def test_rows_are_matched_by_id_whatever_their_order(tmp_path: Path, answers: Path) -> None:
    truth, given_values = read.numbers(handed_in(tmp_path, "id,y\n3,3\n1,1\n2,2\n"), answers, "y")
    assert truth.tolist() == [10, 20, 30]
    assert given_values.tolist() == [1, 2, 3]


def test_probabilities_are_normalised_by_row(tmp_path: Path, answers: Path) -> None:
    text = "id,a,b\n1,0.2,0.2\n2,1,0\n3,0,0.5\n"
    truth, values, classes = read.class_probabilities(handed_in(tmp_path, text), answers, "kind")
    assert classes == ["a", "b"]
    assert truth.tolist() == ["a", "b", "a"]
    assert values.tolist() == [[0.5, 0.5], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return float('nan')", r"grade\.py of task 'miniature': grade returned nan, which is no score"),
        ("pass", r"grade\.py of task 'miniature' returned no score"),
        ("return 'good'", r"grade returned str instead of a number"),
        ("return 1 / 0", r"grade raised ZeroDivisionError at line 2"),
        ("import os; os.kill(os.getpid(), 9)", r"ended its process without a result"),
        ("raise SystemExit(0)", r"grade raised SystemExit"),
    ],
)
def test_a_grader_that_fails_is_named(make_task: Make, tmp_path: Path, body: str, says: str) -> None:
    folder = make_task({"grade.py": f"def grade(submission, answers):\n    {body}\n"})
    with pytest.raises(TaskError, match=says) as caught:
        grade(TaskFolder.open(folder), handed_in(tmp_path, "id,y\n20,1\n21,1\n"))
    assert not isinstance(caught.value, InvalidSubmission)


def test_a_grader_without_its_function_is_named(make_task: Make, tmp_path: Path) -> None:
    folder = make_task({"grade.py": "x = 1\n"})
    with pytest.raises(TaskError, match="it defines no function 'grade'"):
        grade(TaskFolder.open(folder), handed_in(tmp_path, "id,y\n"))


def test_a_grader_that_hangs_is_ended_with_what_it_started(
    make_task: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    body = """
        import pathlib, subprocess, sys

        def grade(submission, answers):
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            pathlib.Path(submission).with_name("child").write_text(str(child.pid))
            child.wait()
    """
    folder = TaskFolder.open(make_task({"grade.py": body}))
    monkeypatch.setattr("local_rl.tasks.grading.GRADE_SECONDS", 3.0)
    with pytest.raises(TaskError, match="did not finish within 3 seconds"):
        grade(folder, handed_in(tmp_path, "id,y\n"))
    child = int((tmp_path / "child").read_text())
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_the_graders_own_sentence_reaches_the_person(make_task: Make, tmp_path: Path) -> None:
    with pytest.raises(InvalidSubmission, match="column 'id' must hold exactly the 2 ids"):
        grade(TaskFolder.open(make_task()), handed_in(tmp_path, "id,y\n20,1\n"))


values = st.lists(st.floats(0, 1e6), min_size=2, max_size=20)


@settings(deadline=None)
@given(values)
def test_errors_of_a_perfect_prediction_are_zero(truth: list[float]) -> None:
    assert rmse(truth, truth) == 0
    assert rmsle(truth, truth) == 0


@settings(deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=3, max_size=20, unique=True))
def test_correlation_sees_only_the_order(truth: list[int]) -> None:
    assert correlation(truth, np.exp(np.asarray(truth) / 500)) == pytest.approx(1)
    assert correlation(truth, -np.asarray(truth)) == pytest.approx(-1)
    assert correlation(truth, np.ones(len(truth))) == 0


def test_kappa_punishes_distance() -> None:
    truth = [0, 1, 2, 3, 0, 1, 2, 3]
    near, far = [1, 1, 2, 3, 0, 1, 2, 3], [3, 1, 2, 3, 0, 1, 2, 3]
    assert quadratic_kappa(truth, truth) == 1
    assert quadratic_kappa(truth, near) > quadratic_kappa(truth, far)


@pytest.mark.parametrize(
    ("right", "ranked", "k", "expected"),
    [
        (["a"], ["a", "b", "c"], 3, 1.0),
        (["a"], ["b", "a", "c"], 3, 1 / 2),
        (["a"], ["b", "c", "d", "a"], 3, 0.0),
        (["a", "b"], ["a", "c", "b"], 3, (1 + 2 / 3) / 2),
        (["a", "b", "c", "d"], ["a", "b"], 2, 1.0),
    ],
)
def test_average_precision_by_hand(right: list[str], ranked: list[str], k: int, expected: float) -> None:
    assert mean_average_precision([right], [ranked], k) == pytest.approx(expected)
