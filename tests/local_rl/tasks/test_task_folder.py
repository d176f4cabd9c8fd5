"""Given a task folder, when it is opened or checked, then what is wrong is one sentence naming the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from local_rl.tasks import check
from local_rl.tasks.errors import TaskError
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.preparing import prepared
from local_rl.tasks.running import score_notebook
from local_rl.tasks.spec import Measured, read_spec, write_measured

Make = Callable[..., Path]
Write = Callable[..., str]


def run_all(path: Path) -> None:
    for _, stage in check.stages(TaskFolder.open(path)):
        stage()


def test_a_sound_folder_passes_every_stage(make_task: Make) -> None:
    run_all(make_task())


@pytest.mark.parametrize("name", ["task.toml", "prepare.py", "grade.py", "starter.ipynb"])
def test_a_missing_file_is_named(make_task: Make, name: str) -> None:
    folder = make_task({name: None})
    with pytest.raises(TaskError, match=name.replace(".", r"\.")):
        TaskFolder.open(folder)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="is no folder"):
        TaskFolder.open(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('direction = "up"', "direction"),
        ('direction = "minimize"\ncolour = "red"', "colour"),
        ('direction = "minimize"\ntime_limit = -1', "time_limit"),
        ("direction = ", "task.toml"),
    ],
)
def test_a_wrong_field_is_named(make_task: Make, line: str, says: str) -> None:
    text = f'id = "a"\ntitle = "t"\ndescription = "d"\nmetric = "m"\n{line}\n'
    with pytest.raises(TaskError, match=says):
        TaskFolder.open(make_task({"task.toml": text}))


def test_an_id_must_be_plain(make_task: Make) -> None:
    text = 'id = "../up"\ntitle = "t"\ndescription = "d"\nmetric = "m"\ndirection = "maximize"\n'
    with pytest.raises(TaskError, match=r"id '\.\./up'"):
        TaskFolder.open(make_task({"task.toml": text}))


def test_prepare_that_differs_between_runs_is_refused_by_file(make_task: Make) -> None:
    folder = make_task(
        {
            "prepare.py": """
                import uuid

                def prepare(public, private):
                    (public / "train.csv").write_text(str(uuid.uuid4()))
                    (private / "answers.csv").write_text("id,y")
            """
        }
    )
    with pytest.raises(TaskError, match=r"prepare\.py.*not deterministic.*public/train\.csv"):
        check.repeats(TaskFolder.open(folder))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise ValueError('no such table')", r"prepare raised ValueError at line 2: no such table"),
        ("pass", "left the public folder empty"),
        ("import os; os._exit(3)", "ended its process without a result"),
    ],
)
def test_prepare_that_fails_leaves_nothing_behind(make_task: Make, body: str, says: str) -> None:
    folder = make_task({"prepare.py": f"def prepare(public, private):\n    {body}\n"})
    with pytest.raises(TaskError, match=says):
        prepared(TaskFolder.open(folder))
    assert not [path for path in folder.parent.glob("home/cache/tasks/*") if path.is_dir()]


def test_a_starter_that_raises_is_told_by_its_error(make_task: Make, notebook: Write) -> None:
    folder = make_task({"starter.ipynb": notebook("1 / 0  # submission.csv")})
    with pytest.raises(TaskError, match=r"starter\.ipynb of task 'miniature' raised ZeroDivisionError"):
        check.starter_repeats(TaskFolder.open(folder))


@pytest.mark.parametrize(
    ("source", "says"), [("x = (", "does not compile"), ("x = 1", r"never writes submission\.csv")]
)
def test_a_starter_that_cannot_serve_is_refused(
    make_task: Make, notebook: Write, source: str, says: str
) -> None:
    with pytest.raises(TaskError, match=says):
        check.notebooks_read(TaskFolder.open(make_task({"starter.ipynb": notebook(source)})))


def test_a_notebook_that_is_none_is_named(make_task: Make) -> None:
    with pytest.raises(TaskError, match=r"starter\.ipynb is no notebook"):
        check.notebooks_read(TaskFolder.open(make_task({"starter.ipynb": "{"})))


def test_a_starter_is_scored_on_the_hidden_answers(make_task: Make) -> None:
    folder = TaskFolder.open(make_task())
    assert score_notebook(folder, folder.starter).score == pytest.approx((1 / 2) ** 0.5)


def test_measured_scores_are_written_beside_what_was_typed(make_task: Make) -> None:
    folder = make_task()
    typed = (folder / "task.toml").read_text().strip()
    for baseline in (2.0, 4.0):
        write_measured(folder, Measured(baseline=baseline, reference=1.0, late=(1.5, 1.25)))
    spec = read_spec(folder)
    assert (folder / "task.toml").read_text().startswith(typed)
    assert spec.measured == Measured(baseline=4.0, reference=1.0, late=(1.5, 1.25))
    assert spec.gain == pytest.approx(0.75)


def test_a_starter_that_strays_from_its_record_is_refused(make_task: Make) -> None:
    path = make_task()
    write_measured(path, Measured(baseline=0.5, reference=0.1))
    with pytest.raises(TaskError, match=r"scored 0\.707107, but task\.toml records 0\.5"):
        check.starter_repeats(TaskFolder.open(path))


def test_gain_without_a_measured_baseline_says_what_to_do(make_task: Make) -> None:
    with pytest.raises(TaskError, match="--measure"):
        TaskFolder.open(make_task()).spec.relative_gain(1.0)
