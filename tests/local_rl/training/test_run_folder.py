"""The folder of a run: what a crash leaves is read, one trains at a time, a full disk is a sentence."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jupyter_mlagent.training_events import (
    CheckpointSaved,
    TrainingEnded,
    TrainingKind,
    TrainingProgress,
    TrainingStarted,
    TrainingState,
    TrainingStateChanged,
)
from local_rl.errors import TrainingError
from local_rl.training.display import line
from local_rl.training.folder import (
    EVENTS_FILE,
    Facts,
    RunFolder,
    all_runs,
    find_run,
    new_run,
    only_trainer,
    said_when_full,
)
from local_rl.training.history import summary
from local_rl.training.run import Run, Wanted

STARTED = TrainingStarted(
    run_id="r", kind=TrainingKind.STEPS, base_model="m", adapter=None, updates=9, examples=3, device="CPU"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path))
    made = new_run(TrainingKind.STEPS)
    made.create(
        "seed = 1\n",
        Facts(
            kind=TrainingKind.STEPS, created="", base_model="m", base_sha256="0" * 64, data_fingerprint="d"
        ),
    )
    return made


def test_a_run_is_found_by_its_name_and_an_unknown_one_is_said(folder: RunFolder) -> None:
    assert find_run(folder.name).facts().base_model == "m"
    assert [run.name for run in all_runs()] == [folder.name]
    with pytest.raises(TrainingError, match="no run called 'nonsense'"):
        find_run("nonsense")


def test_events_come_back_and_a_cut_last_line_is_mended(folder: RunFolder) -> None:
    run = Run(folder)
    run.tell(STARTED)
    run.tell(TrainingProgress(update=1, updates=9, loss=0.5))
    with (folder.path / EVENTS_FILE).open("ab") as file:
        file.write(b'{"type":"training_prog')
    folder.mend_events()
    run.tell(TrainingEnded(state=TrainingState.FAILED, adapter=None, message="Gone."))
    assert [type(event) for event in folder.events()] == [TrainingStarted, TrainingProgress, TrainingEnded]
    found = summary(folder)
    assert (found.state, found.update, found.loss, found.message) == (TrainingState.FAILED, 1, 0.5, "Gone.")


def test_the_newest_whole_checkpoint_is_gone_on_from(folder: RunFolder) -> None:
    for update, state in ((2, "{}"), (10, "{}"), (11, '{"cut'), (12, None)):
        place = folder.checkpoints / f"checkpoint-{update}"
        place.mkdir(parents=True)
        if state is not None:
            (place / "trainer_state.json").write_text(state)
    latest = folder.latest_checkpoint()
    assert latest is not None and latest.name == "checkpoint-10"


def test_a_second_trainer_is_refused_while_the_first_runs(folder: RunFolder) -> None:
    with only_trainer(), pytest.raises(TrainingError, match=f"process {os.getpid()}"), only_trainer():
        pass
    with only_trainer():
        pass


def test_a_run_counts_as_running_only_while_its_process_is_there(folder: RunFolder) -> None:
    Run(folder).tell(STARTED)
    with only_trainer(folder.name):
        assert summary(folder).state is TrainingState.RUNNING
    with only_trainer("another"):
        assert summary(folder).state is TrainingState.PAUSED
    found = summary(folder)
    assert found.state is TrainingState.PAUSED and "resum" in found.message


def test_a_killed_trainer_leaves_no_lock_behind(folder: RunFolder, tmp_path: Path) -> None:
    source = (
        "from local_rl.training.folder import only_trainer\n"
        "with only_trainer():\n    print('locked', flush=True)\n    input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "locked\n"
    with pytest.raises(TrainingError, match=f"process {process.pid}"), only_trainer():
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with only_trainer():
        pass


def test_a_signal_and_another_process_can_ask_for_a_pause(folder: RunFolder) -> None:
    run = Run(folder)
    assert run.wanted is Wanted.GO_ON
    Run(RunFolder(folder.path)).ask(Wanted.STOP)
    assert run.wanted is Wanted.STOP
    with run.heeding_signals():
        os.kill(os.getpid(), signal.SIGTERM)
    assert run.wanted is Wanted.PAUSE


def test_a_full_disk_says_how_to_go_on(folder: RunFolder) -> None:
    with pytest.raises(TrainingError, match=f"is full.*resume {folder.name}"), said_when_full(folder.path):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_time_left_is_told_from_the_pace_of_this_sitting(folder: RunFolder) -> None:
    run = Run(folder)
    assert run.seconds_left(4, 10) is None
    left = run.seconds_left(6, 10)
    assert left is not None and left >= 0


def test_a_run_is_shown_in_one_line() -> None:
    shown = line(
        TrainingProgress(
            update=2,
            updates=9,
            loss=0.51234,
            reward=0.7,
            acceptance=0.95,
            memory_bytes=3_100_000_000,
            memory_limit_bytes=25_300_000_000,
            seconds_left=125,
        )
    )
    assert shown == "loss 0.512  reward 0.700  valid 95%  3.1 of 25.3 GB  0:02:05 left"


def test_a_paused_run_says_so(folder: RunFolder) -> None:
    run = Run(folder)
    run.tell(STARTED)
    run.tell(CheckpointSaved(update=3, path="x"))
    run.tell(TrainingStateChanged(state=TrainingState.PAUSED, reason="Paused after update 3."))
    assert summary(folder).state is TrainingState.PAUSED
