"""Adapters and training over the server: honest without a trainer, live and swapped at once with one."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from jupyter_mlagent import training_events as te
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.server.training import MOST_POINTS, TrainingRun

Visit = Callable[..., Any]
_spec = importlib.util.spec_from_file_location(
    "notebook_trainer", Path(__file__).parent / "notebook_trainer.py"
)
assert _spec is not None and _spec.loader is not None
notebook_trainer = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(notebook_trainer)
STARTED = notebook_trainer.STARTED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The adapters of this machine."""
    folder = tmp_path / "mlagent" / "adapters"
    folder.mkdir(parents=True)
    for name in ("newer", "older"):
        (folder / f"{name}.gguf").write_bytes(b"GGUF")
    return folder


async def refusal(server: Any, method: str, route: str, **body: Any) -> tuple[int, str]:
    with pytest.raises(HTTPClientError) as refused:
        await server.fetch(method, route, **body)
    assert refused.value.response is not None
    return refused.value.code, refused.value.response.body.decode()


class TestWithoutATrainer:
    async def test_it_is_said_in_one_line_and_nothing_else_is_offered(self, server: Any) -> None:
        status = await server.fetch("GET", "training")
        assert (status["installed"], status["message"]) == (False, "No trainer is installed.")
        for method, route, body in (
            ("POST", "training", {"kind": "verdicts"}),
            ("POST", "training/pause", {}),
            ("DELETE", "training/pause", {}),
            ("POST", "adapters/promotion", {"name": "newer"}),
            ("DELETE", "adapters/promotion", {}),
            ("GET", "adapters/comparison?name=newer", {}),
        ):
            code, words = await refusal(server, method, route, **body)
            assert code == 409 and "No trainer is installed." in words

    async def test_files_of_adapters_can_be_used_all_the_same(
        self, folder: Path, server: Any, engine: Any
    ) -> None:
        (folder / "shared").mkdir()
        (folder / "shared" / "adapter.gguf").write_bytes(b"GGUF")
        table = await server.fetch("GET", "adapters")
        assert (table["adapters"], table["current"], table["trainer"]) == (
            ["newer", "older", "shared"],
            None,
            False,
        )
        assert (await server.fetch("POST", "adapters", name="shared"))["current"] == "shared"
        assert engine.adapters == [folder / "shared" / "adapter.gguf"]
        assert (await server.fetch("POST", "adapters", name=None))["current"] is None

    async def test_a_file_elsewhere_is_refused(self, server: Any) -> None:
        code, _ = await refusal(server, "POST", "adapters", name="../../etc/passwd")
        assert code == 404


class TestWithATrainer:
    @pytest.fixture
    def trainer(self, folder: Path) -> Any:
        return notebook_trainer.NotebookTrainer(folder)

    async def test_the_engine_starts_with_the_active_adapter(
        self, server: Any, visit: Visit, engine: Any, folder: Path
    ) -> None:
        page = await visit()
        await page.ask()
        assert engine.adapters == [folder / "older.gguf"]
        assert (await server.fetch("GET", "adapters"))["current"] == "older"

    async def test_without_the_active_ones_file_the_base_model_serves_and_it_is_said(
        self, server: Any, visit: Visit, engine: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def load_adapter(path: Path | None, scale: float = 1.0) -> None:
            raise MlagentError(f"{path} is for another model.")

        monkeypatch.setattr(engine, "load_adapter", load_adapter)
        page = await visit()
        assert (await page.ask())["type"] == "ranked"
        table = await server.fetch("GET", "adapters")
        assert table["current"] is None and "is for another model" in table["problem"]

    async def test_what_is_promoted_or_rolled_back_is_in_the_running_engine_at_once(
        self, server: Any, visit: Visit, engine: Any, folder: Path
    ) -> None:
        page = await visit()
        await page.ask()

        table = await server.fetch("POST", "adapters/promotion", name="newer")
        assert table["current"] == "newer"
        assert [one["name"] for one in table["known"] if one["active"]] == ["newer"]
        table = await server.fetch("DELETE", "adapters/promotion")
        assert table["current"] == "older"

        assert engine.adapters == [folder / f"{name}.gguf" for name in ("older", "newer", "older")]

    async def test_an_engine_that_is_not_started_is_left_alone(self, server: Any, engine: Any) -> None:
        await server.fetch("POST", "adapters/promotion", name="newer")
        assert engine.adapters == []

    async def test_a_comparison_names_tasks_and_interval(self, server: Any) -> None:
        comparison = await server.fetch("GET", "adapters/comparison?name=newer")
        assert (comparison["low"], comparison["high"], comparison["promotable"]) == (0.03, 0.15, True)
        assert comparison["tasks"] == [{"task": "wine", "before": 0.6, "after": 0.7}]
        assert (await refusal(server, "GET", "adapters/comparison"))[0] == 400

    async def test_what_cannot_be_done_is_a_sentence(self, server: Any) -> None:
        assert "not better" in (await refusal(server, "POST", "adapters/promotion", name="older"))[1]
        assert "nothing to go back to" in (await refusal(server, "DELETE", "adapters/promotion"))[1]
        assert "no tasks prepared" in (await refusal(server, "POST", "training", kind="explore"))[1]
        assert (await refusal(server, "POST", "training", kind="dancing"))[0] == 400

    async def test_a_run_is_told_to_every_page_as_it_goes(
        self, server: Any, visit: Visit, trainer: Any
    ) -> None:
        page, other = await visit("a.ipynb"), await visit("b.ipynb")
        await server.fetch("POST", "training", kind="steps")
        assert (await page.until("training_changed"))["state"] == "running"
        trainer.happened.put_nowait(te.TrainingProgress(update=1, updates=9, loss=2.0, reward=0.5))
        while not (status := await other.until("training_changed"))["curve"]:
            pass
        assert status["curve"] == [{"update": 1, "loss": 2.0, "reward": 0.5}]

        await server.fetch("POST", "training/pause")
        while (status := await page.until("training_changed"))["state"] != "paused":
            pass
        assert status["message"] == "You paused it."
        await server.fetch("DELETE", "training/pause")
        while (status := await page.until("training_changed"))["progress"]["update"] != 2:
            pass
        assert (await server.fetch("GET", "training"))["state"] == "running"


def test_a_long_run_stays_one_small_message_that_reaches_from_its_start_to_its_end() -> None:
    run = TrainingRun()
    run.apply(STARTED)
    for update in range(1, 10_001):
        run.apply(te.TrainingProgress(update=update, updates=10_000, loss=1 / update))
    curve = [point.update for point in run.status.curve]
    assert len(curve) <= MOST_POINTS and curve[0] == 1 and curve[-1] > 9_800
    assert curve == sorted(set(curve))


def test_a_run_that_ends_names_its_candidate_and_the_next_one_begins_empty() -> None:
    run = TrainingRun()
    run.apply(STARTED)
    run.apply(te.HeldOutScored(update=4, score=0.7, low=0.6, high=0.8, active_score=0.6))
    run.apply(te.CheckpointSaved(update=4, path="somewhere"))
    run.apply(te.TrainingEnded(state=te.TrainingState.DONE, adapter="newer", message="Done."))
    assert (run.status.candidate, run.status.checkpoint, run.status.state.value) == ("newer", 4, "done")
    run.apply(STARTED)
    assert (run.status.candidate, run.status.held_out, run.status.checkpoint) == (None, (), None)
