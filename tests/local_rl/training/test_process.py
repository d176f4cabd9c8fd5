"""A whole run in its own process: killed, resumed with the same numbers, made into an adapter, put to use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlagent import paths
from jupyter_mlagent.engine.active import active_adapter
from jupyter_mlagent.engine.catalog import resolve
from jupyter_mlagent.errors import ModelError
from jupyter_mlagent.training_events import (
    CheckpointSaved,
    TrainingEnded,
    TrainingEvent,
    TrainingKind,
    TrainingProgress,
    TrainingStarted,
    TrainingState,
    TrainingStateChanged,
)
from local_rl.adapters.promotion import promote, roll_back_latest
from local_rl.adapters.store import find_adapter
from local_rl.training.folder import RunFolder
from local_rl.training.launch import TrainerProcess
from local_rl.training.starting import create_run, memory_needed

pytestmark = [pytest.mark.rl, pytest.mark.model]

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def mini(training_stack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The recipe, in a home of its own that shares models and training weights with this machine's."""
    from local_rl.policy.weights import training_weights

    try:
        base = resolve("smollm2-135m")
    except ModelError as error:
        pytest.skip(str(error))
    weights, models = training_weights(base).parent, paths.models_dir()
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MLAGENT_MODELS", str(models))
    paths.cache_dir().mkdir(parents=True)
    (paths.cache_dir() / "weights").symlink_to(weights)
    import mini_run

    return mini_run.RECIPE


class MiniProcess(TrainerProcess):
    command = (sys.executable, str(Path(__file__).parent / "mini_run.py"))


async def sitting(folder: RunFolder, until: type | None = None) -> list[TrainingEvent]:
    """Run until the process ends, or until it has told an event of that type twice: then it is killed."""
    process = MiniProcess(folder)
    await process.start()
    seen: list[TrainingEvent] = []
    async for event in process.events():
        seen.append(event)
        if until is not None and sum(isinstance(event, until) for event in seen) == 2:
            await process.kill()
    return seen


def losses(events: list[TrainingEvent]) -> dict[int, float | None]:
    return {event.update: event.loss for event in events if isinstance(event, TrainingProgress)}


async def test_a_killed_run_goes_on_with_the_same_numbers_and_its_adapter_is_served(mini: Any) -> None:
    config = mini.config_type()
    plan = mini.plan(config)
    killed = create_run(TrainingKind.EXPLORE, mini, config, plan)
    first = await sitting(killed, until=CheckpointSaved)
    assert isinstance(first[-1], TrainingEnded) and f"resume {killed.name}" in first[-1].message
    rest = await sitting(killed)
    whole = await sitting(create_run(TrainingKind.EXPLORE, mini, config, plan))

    assert isinstance(whole[0], TrainingStarted) and whole[0].updates == 4
    assert isinstance(rest[-1], TrainingEnded) and rest[-1].state is TrainingState.DONE, rest[-1]
    assert losses(first + rest) == losses(whole)
    assert 1 not in losses(rest)

    measured = max(event.memory_bytes or 0 for event in whole if isinstance(event, TrainingProgress))
    needed = memory_needed(config.finetune.policy, resolve("smollm2-135m"), plan).total
    assert measured / 1.2 <= needed <= measured * 1.6

    adapter = find_adapter(killed.name)
    base = adapter.record.base_sha256
    assert (adapter.record.steps, adapter.record.run) == (8, killed.name)
    assert active_adapter(base) is None
    promote(adapter.name, force=True)
    assert active_adapter(base) == adapter.gguf
    assert roll_back_latest() == (base, None)
    assert active_adapter(base) is None


async def test_a_run_is_paused_by_its_front_end(mini: Any) -> None:
    config = mini.config_type()
    folder = create_run(TrainingKind.EXPLORE, mini, config, mini.plan(config))
    process = MiniProcess(folder)
    await process.start()
    seen = []
    async for event in process.events():
        seen.append(event)
        if isinstance(event, TrainingStarted):
            process.pause()
    assert isinstance(seen[-1], TrainingStateChanged) and seen[-1].state is TrainingState.PAUSED
    assert list(losses(seen)) == [1]
    assert folder.latest_checkpoint() is not None
