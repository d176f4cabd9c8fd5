"""An app on a scripted core, started and settled, for each test; files are the test's own."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from script import ScriptedCore, until, write_notebook

from jupyter_mlagent.paths import models_dir
from mlagent_tui.app import MlagentApp
from mlagent_tui.desk.status import KernelState
from mlagent_tui.settings.model import Settings


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, keymap and journal of the person who runs the tests stay out of them."""
    home = tmp_path / "home"
    # The weights stay where they are; tests marked `model` use them.
    monkeypatch.setenv("MLAGENT_MODELS", str(models_dir()))
    monkeypatch.setenv("MLAGENT_HOME", str(home))
    monkeypatch.delenv("NO_COLOR", raising=False)
    return home


@pytest.fixture
def core() -> ScriptedCore:
    return ScriptedCore()


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return write_notebook(tmp_path)


Opened = Callable[..., contextlib.AbstractAsyncContextManager[Any]]


@pytest.fixture
def opened(core: ScriptedCore, notebook: Path) -> Opened:
    """`async with opened(size=(80, 24)) as (app, pilot)`: the app with its kernel up."""

    @contextlib.asynccontextmanager
    async def open_app(
        size: tuple[int, int] = (100, 30), path: Path = notebook, settle: bool = True, **settings: Any
    ) -> AsyncIterator[tuple[MlagentApp, Any]]:
        app = MlagentApp(path, core, Settings(**settings))
        app.animation_level = "none"
        async with app.run_test(size=size) as pilot:
            if settle:
                await until(pilot, lambda: app.desk.status.kernel is not KernelState.STARTING)
                await pilot.pause()
            try:
                yield app, pilot
            finally:
                for held in (core.hold, core.kernel.hang, core.engine.gate, core.trials.hang):
                    if held is not None:
                        held.set()
                await app.end()

    return open_app
