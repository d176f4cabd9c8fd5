"""The adapters of a machine: kept whole or not at all, promoted when they are better, and the way back."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from jupyter_mlagent import paths
from jupyter_mlagent.engine.active import ACTIVE_FILE, Follower, active_adapter, read_choices
from jupyter_mlagent.engine.prefix_file import sha256_of
from jupyter_mlagent.records import Direction
from jupyter_mlagent.training_events import TrainingKind
from local_rl.adapters.active import active_name, roll_back, use
from local_rl.adapters.command import app
from local_rl.adapters.judge import JudgeConfig, comparison, evaluations_of, held_out_score
from local_rl.adapters.making import give_away, take_in
from local_rl.adapters.promotion import promote, roll_back_latest
from local_rl.adapters.store import (
    Adapter,
    AdapterRecord,
    adding,
    all_adapters,
    find_adapter,
    free_name,
    remove,
    write_record,
)
from local_rl.errors import AdapterError
from local_rl.scoreboard.evaluation import Results
from local_rl.scoreboard.records import Trajectory

gguf = pytest.importorskip("gguf")

BASE, OTHER = "ab" * 32, "cd" * 32


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path / "home"))
    return tmp_path


def write_gguf(path: Path, base: str = BASE, architecture: str = "llama", kind: str = "adapter") -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(kind)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 8.0)
    if base:
        writer.add_string("mlagent.base_sha256", base)
    writer.add_tensor("blk.0.attn_q.weight.lora_a", np.ones((4, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def make(name: str, created: str = "2026-01-01", base: str = BASE) -> Adapter:
    with adding(name) as folder:
        write_gguf(folder / "adapter.gguf", base)
        record = AdapterRecord(
            name=name,
            base_model="small",
            base_sha256=base,
            architecture="llama",
            kind=TrainingKind.EXPLORE,
            created=created,
            gguf_sha256=sha256_of(folder / "adapter.gguf"),
        )
        write_record(folder, record)
    return find_adapter(name)


def trajectory(task: str, run: int, gain: float) -> Trajectory:
    return Trajectory(
        task=task,
        notebook="starter.ipynb",
        run=run,
        seed=run,
        direction=Direction.MAXIMIZE,
        metric="accuracy",
        baseline=0.5,
        start_metric=None,
        start_score=0.5,
        steps=(),
        final_score=0.5 * (1 + gain),
        seconds=1.0,
    )


def gains(**by_task: float) -> list[Trajectory]:
    """Eight runs each, with a little spread."""
    return [
        trajectory(task, run, gain + 0.002 * (run % 3)) for task, gain in by_task.items() for run in range(8)
    ]


def test_an_adapter_that_could_not_be_finished_leaves_nothing() -> None:
    with pytest.raises(RuntimeError), adding("broken") as folder:
        (folder / "adapter.gguf").write_bytes(b"half")
        raise RuntimeError
    assert list(paths.adapters_dir().iterdir()) == []


def test_they_are_listed_newest_first_and_found_by_their_beginning() -> None:
    make("first", "2026-01-01")
    make("second", "2026-02-01")
    assert [adapter.name for adapter in all_adapters()] == ["second", "first"]
    assert find_adapter("sec").name == "second"
    assert free_name("first") == "first-2"
    with pytest.raises(AdapterError, match="there are: second, first"):
        find_adapter("third")
    make("seconds")
    assert find_adapter("second").name == "second"
    with pytest.raises(AdapterError, match="fits several"):
        find_adapter("sec")


def test_what_is_in_use_is_followed_and_rolled_back_step_by_step() -> None:
    one, two = make("one"), make("two")
    follower = Follower(BASE)
    assert follower.current() is None
    use(one, BASE)
    assert follower.current() == one.gguf
    use(two, BASE)
    assert follower.current() == two.gguf
    assert active_adapter(OTHER) is None
    assert (roll_back(BASE), follower.current()) == ("one", one.gguf)
    assert (roll_back(BASE), follower.current()) == (None, None)
    with pytest.raises(AdapterError, match="nothing to go back to"):
        roll_back(BASE)


def test_going_back_skips_what_was_removed_meanwhile() -> None:
    one, two, three = make("one"), make("two"), make("three")
    for adapter in (one, two, three):
        use(adapter, BASE)
    with pytest.raises(AdapterError, match="in use"):
        remove(three)
    remove(two)
    assert roll_back_latest() == (BASE, "one")


def test_a_damaged_choice_is_the_base() -> None:
    use(make("one"), BASE)
    (paths.adapters_dir() / ACTIVE_FILE).write_text('{"cut')
    assert read_choices() == {}
    assert active_adapter(BASE) is None


def test_an_adapter_of_another_base_is_not_put_to_use() -> None:
    with pytest.raises(AdapterError, match="adapter of small, not of this model"):
        use(make("one"), OTHER)


@pytest.mark.parametrize(
    ("before", "after", "promotable", "reason"),
    [
        ({"a": 0.1, "b": 0.2, "c": 0.1}, {"a": 0.3, "b": 0.5, "c": 0.25}, True, "ahead by"),
        ({"a": 0.1, "b": 0.2, "c": 0.1}, {"a": 0.1, "b": 0.2, "c": 0.1}, False, "may be noise"),
        ({"a": 0.1, "b": 0.2, "c": 0.1}, {"a": 0.9, "b": 0.9, "c": -0.01}, False, "noise|loses"),
        (
            {f"t{place}": 0.1 for place in range(12)},
            {f"t{place}": 0.5 for place in range(11)} | {"t11": 0.02},
            False,
            "loses 8.0% on t11/starter",
        ),
    ],
)
def test_only_a_gain_beyond_noise_without_a_loss_anywhere_promotes(
    before: dict[str, float], after: dict[str, float], promotable: bool, reason: str
) -> None:
    found = comparison("new", None, gains(**after), gains(**before))
    assert found.promotable is promotable
    assert any(part in found.reason for part in reason.split("|")), found.reason
    assert len(found.tasks) == len(before)


def test_few_trajectories_decide_nothing() -> None:
    found = comparison("new", None, gains(a=0.9)[:2], gains(a=0.1)[:2])
    assert not found.promotable and "Only 2" in found.reason
    with pytest.raises(AdapterError, match="no task and run in common"):
        comparison("new", None, gains(a=0.9), gains(b=0.1))


def test_a_candidate_never_replaces_itself() -> None:
    same = gains(a=-0.2, b=0.1, c=0.2)
    assert not comparison("new", "old", same, same).promotable


def test_promotion_needs_both_to_be_judged_and_uses_what_was_measured() -> None:
    candidate = make("candidate")
    with pytest.raises(AdapterError, match="mlagent adapters compare candidate"):
        promote("candidate")

    def judged(name: str | None, config: JudgeConfig, trajectories: list[Trajectory]) -> None:
        results = Results(evaluations_of(name, BASE) / config.title)
        results.folder.mkdir(parents=True)
        for one in trajectories:
            results.add(one)

    judged("candidate", JudgeConfig(), gains(a=0.5, b=0.4, c=0.6))
    judged(None, JudgeConfig(steps=1), gains(a=0.1, b=0.1, c=0.1))
    with pytest.raises(AdapterError, match="the base model was not judged"):
        promote("candidate")
    judged(None, JudgeConfig(), gains(a=0.1, b=0.1, c=0.1))
    promote("candidate")
    assert (active_name(BASE), candidate.name) == ("candidate", "candidate")
    assert held_out_score("candidate", BASE) == pytest.approx(0.5, abs=0.01)
    assert held_out_score(None, OTHER) is None
    with pytest.raises(AdapterError, match="in use already"):
        promote("candidate")


def test_an_altered_file_is_not_put_to_use() -> None:
    adapter = make("one")
    adapter.gguf.write_bytes(adapter.gguf.read_bytes() + b"x")
    with pytest.raises(AdapterError, match="was altered"):
        promote("one", force=True)
    assert active_name(BASE) is None


def test_what_is_given_away_can_be_taken_in_elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = make("one")
    give_away(adapter, home / "one.zip")
    monkeypatch.setenv("MLAGENT_HOME", str(home / "elsewhere"))
    taken = take_in(home / "one.zip")
    assert (taken.name, taken.record.base_sha256) == ("one", BASE)
    assert taken.gguf.read_bytes() == adapter.gguf.read_bytes()
    assert take_in(home / "one.zip").name == "one-2"
    assert active_adapter(BASE) is None, "taking in is not putting to use"


def test_damaged_and_foreign_files_are_refused(home: Path) -> None:
    adapter = make("one")
    give_away(adapter, home / "one.zip")
    with zipfile.ZipFile(home / "one.zip") as archive, zipfile.ZipFile(home / "bad.zip", "w") as bad:
        for member in archive.namelist():
            bad.writestr(member, archive.read(member).replace(b"lora_a", b"lora_x"))
    (home / "text.gguf").write_text("nothing like it")
    refused = {
        home / "bad.zip": "was altered",
        home / "text.gguf": "no GGUF file",
        write_gguf(home / "model.gguf", kind="model"): "no LoRA adapter",
        write_gguf(home / "whose.gguf", base=""): "name it with --model",
        home / "absent.zip": "There is no file",
    }
    for path, reason in refused.items():
        with pytest.raises(AdapterError, match=reason):
            take_in(path)
    assert [found.name for found in all_adapters()] == ["one"]


def test_a_bare_gguf_adapter_that_says_its_base_is_taken_in(home: Path) -> None:
    assert take_in(write_gguf(home / "mine.gguf")).record.base_sha256 == BASE


def test_the_command_lists_shows_rolls_back_and_removes(home: Path) -> None:
    runner = CliRunner()
    assert "none yet" in runner.invoke(app, ["list"]).output
    make("one")
    use(find_adapter("one"), BASE)
    assert "*" in runner.invoke(app, ["list"]).output
    assert "not judged yet" in runner.invoke(app, ["show", "one"]).output
    assert "base model as it is is in use" in runner.invoke(app, ["rollback"]).output
    assert runner.invoke(app, ["export", "one", "--to", str(home / "x.zip")]).exit_code == 0
    assert "gone" in runner.invoke(app, ["remove", "one"]).output
    assert "one is here" in runner.invoke(app, ["import", str(home / "x.zip")]).output
    failed = runner.invoke(app, ["promote", "one"])
    assert isinstance(failed.exception, AdapterError)
