"""What front ends get from the trainer: events of the last run, then what happens, whoever asks first."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.training_events import (
    TrainingEnded,
    TrainingEvent,
    TrainingKind,
    TrainingProgress,
    TrainingStarted,
    TrainingState,
    TrainingStateChanged,
    encode,
    find_trainer,
)
from local_rl.training import service
from local_rl.training.folder import Facts, RunFolder, new_run
from local_rl.training.history import summary
from local_rl.training.launch import TrainerProcess
from local_rl.training.run import Run
from local_rl.training.service import LocalTrainer

STARTED = TrainingStarted(
    run_id="r", kind=TrainingKind.EXPLORE, base_model="m", adapter=None, updates=2, examples=3, device="CPU"
)
PROGRESS = TrainingProgress(update=1, updates=2, loss=0.5)
DONE = TrainingEnded(state=TrainingState.DONE, adapter="new", message="Made.")
PAUSED = TrainingStateChanged(state=TrainingState.PAUSED, reason="Paused after update 1.")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path))


def made_run() -> RunFolder:
    folder = new_run(TrainingKind.EXPLORE)
    folder.create(
        "",
        Facts(kind=TrainingKind.EXPLORE, created="", base_model="m", base_sha256="0", data_fingerprint="d"),
    )
    return folder


def saying(*events: TrainingEvent, then: str = "") -> type[TrainerProcess]:
    """A trainer that tells these events, on the pipe and on disk as the real one does, then does `then`."""
    lines = b"\n".join(encode(event) for event in events) + b"\n"
    source = (
        f"import sys; print('noise', flush=True); sys.stdout.buffer.write({lines!r}); sys.stdout.flush()\n"
        f"open(sys.argv[1] + '/events.jsonl', 'ab').write({lines!r})\n{then}"
    )

    class Scripted(TrainerProcess):
        command = (sys.executable, "-c", source)

    return Scripted


async def heard(trainer: LocalTrainer, count: int) -> list[TrainingEvent]:
    found = []
    stream = trainer.events()
    async for event in stream:
        found.append(event)
        if len(found) == count:
            break
    await stream.aclose()
    return found


async def ended(trainer: LocalTrainer) -> None:
    """Its process is gone and everything that it told was heard."""
    assert trainer._hearing is not None
    await trainer._hearing


def use(monkeypatch: pytest.MonkeyPatch, process: type[TrainerProcess]) -> None:
    monkeypatch.setattr(service, "TrainerProcess", process)
    monkeypatch.setattr(service, "_prepared", lambda kind: made_run())


def test_it_is_found_by_its_entry_point_without_anything_heavy() -> None:
    assert isinstance(find_trainer(), LocalTrainer)


async def test_a_run_is_heard_from_its_start_by_all_who_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, saying(STARTED, PROGRESS, DONE))
    trainer = LocalTrainer()
    early = asyncio.create_task(heard(trainer, 3))
    await trainer.start(TrainingKind.EXPLORE)
    assert await early == [STARTED, PROGRESS, DONE]
    assert await heard(trainer, 3) == [STARTED, PROGRESS, DONE]
    await ended(trainer)
    assert await heard(LocalTrainer(), 3) == [STARTED, PROGRESS, DONE], "another front end, from disk"


async def test_a_paused_run_is_gone_on_with_and_its_past_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, saying(STARTED, PAUSED))
    trainer = LocalTrainer()
    await trainer.start(TrainingKind.EXPLORE)
    assert await heard(trainer, 2) == [STARTED, PAUSED]
    await ended(trainer)
    with pytest.raises(MlagentError, match="No training is running"):
        await trainer.pause()
    use(monkeypatch, saying(STARTED, DONE))
    await trainer.resume()
    assert await heard(trainer, 4) == [STARTED, PAUSED, STARTED, DONE]
    await ended(trainer)
    with pytest.raises(MlagentError, match="no training to go on with"):
        await trainer.resume()


async def test_a_trainer_that_dies_without_a_word_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, saying(STARTED, PROGRESS, then="import os; os.kill(os.getpid(), 9)"))
    trainer = LocalTrainer()
    await trainer.start(TrainingKind.EXPLORE)
    *_, last = await heard(trainer, 3)
    assert isinstance(last, TrainingEnded) and last.state is TrainingState.FAILED
    assert "signal 9" in last.message and "mlagent train resume" in last.message
    await ended(trainer)
    folder = service._last_run()
    assert folder is not None and summary(folder).state is TrainingState.FAILED


async def test_two_trainings_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, saying(STARTED, then="import signal; signal.pause()"))
    trainer = LocalTrainer()
    await trainer.start(TrainingKind.EXPLORE)
    with pytest.raises(MlagentError, match="running already"):
        await trainer.start(TrainingKind.STEPS)
    with pytest.raises(MlagentError, match="is running"):
        await trainer.resume()
    process: Any = trainer._process
    await process.kill()
    await ended(trainer)


async def test_asked_for_what_is_not_there_it_says_so() -> None:
    trainer = LocalTrainer()
    assert await trainer.adapters() == []
    for asked in (trainer.compare("x"), trainer.promote("x"), trainer.roll_back(), trainer.resume()):
        with pytest.raises(MlagentError) as refusal:
            await asked
        assert "\n" not in str(refusal.value)


def test_events_on_disk_outlive_the_process() -> None:
    run = Run(made_run())
    run.tell(STARTED)
    assert RunFolder(run.folder.path).events() == [STARTED]
