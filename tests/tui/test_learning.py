"""The learning screen: honest without a trainer, and driven by the agreed events with one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest
from script import until
from textual.widgets import DataTable, Static

from jupyter_mlagent import training_events as te
from jupyter_mlagent.errors import MlagentError
from mlagent_tui.dialogs.choice import ChoiceScreen
from mlagent_tui.learning.screen import LearningScreen


class ScriptedTrainer:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[te.TrainingEvent] = asyncio.Queue()
        self.calls: list[str] = []
        self.active = "older"

    async def start(self, kind: te.TrainingKind) -> None:
        self.calls.append(f"start {kind.value}")

    async def pause(self) -> None:
        self.calls.append("pause")

    async def resume(self) -> None:
        self.calls.append("resume")

    async def events(self) -> AsyncGenerator[te.TrainingEvent]:
        while True:
            yield await self.queue.get()

    async def adapters(self):
        return [
            te.AdapterInfo(
                name=name,
                base_model="scripted-1b",
                kind=te.TrainingKind.VERDICTS,
                created="2026-11-20T10:00:00Z",
                active=name == self.active,
                held_out_score=score,
                steps=40,
            )
            for name, score in (("newer", 0.71), ("older", 0.62))
        ]

    async def compare(self, name: str) -> te.AdapterComparison:
        return te.AdapterComparison(
            candidate=name,
            active=self.active,
            difference=0.09,
            low=0.03,
            high=0.15,
            tasks=(te.TaskComparison(task="wine", before=0.6, after=0.7),),
            promotable=name == "newer",
            reason="It beats the active one beyond noise." if name == "newer" else "It is the active one.",
        )

    async def promote(self, name: str) -> None:
        self.active = name

    async def roll_back(self) -> None:
        raise MlagentError("There is no earlier adapter.")


def text(app, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).render())


async def test_without_a_trainer_it_says_so_and_offers_nothing(opened, monkeypatch) -> None:
    monkeypatch.setattr("mlagent_tui.learning.screen.find_trainer", lambda: None)
    async with opened() as (app, pilot):
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LearningScreen))
        assert "No trainer is installed yet." in text(app, "#training")
        await pilot.press("s", "space", "c", "B")
        assert not app.screen.query_one(DataTable).display
        await pilot.press("escape")
        assert not isinstance(app.screen, LearningScreen)


@pytest.fixture
def trainer() -> ScriptedTrainer:
    return ScriptedTrainer()


async def show(app, pilot, trainer) -> LearningScreen:
    screen = LearningScreen(trainer)
    await app.push_screen(screen)
    await until(pilot, lambda: screen.query_one(DataTable).row_count == 2)
    return screen


async def test_progress_is_shown_as_it_comes_and_can_be_paused(opened, trainer) -> None:
    async with opened() as (app, pilot):
        screen = await show(app, pilot, trainer)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("v")
        await until(pilot, lambda: trainer.calls == ["start verdicts"])
        trainer.queue.put_nowait(
            te.TrainingStarted(
                run_id="r",
                kind=te.TrainingKind.STEPS,
                base_model="scripted-1b",
                adapter=None,
                updates=100,
                examples=77,
                device="cpu",
            )
        )
        for update in range(1, 21):
            trainer.queue.put_nowait(
                te.TrainingProgress(
                    update=update,
                    updates=100,
                    loss=2.0 / update,
                    reward=update / 25,
                    kl=0.01,
                    entropy=1.5,
                    acceptance=0.9,
                    memory_bytes=5_000_000_000,
                    memory_limit_bytes=8_000_000_000,
                    seconds_left=3725,
                )
            )
        trainer.queue.put_nowait(
            te.HeldOutScored(update=20, score=0.7, low=0.66, high=0.74, active_score=0.62)
        )
        await until(pilot, lambda: bool(screen.record.held_out))
        await pilot.pause()
        shown = text(app, "#training")
        for words in (
            "running",
            "update 20 of 100",
            "loss",
            "reward",
            "kl",
            "entropy",
            "acceptance",
            "held out",
        ):
            assert words in shown
        assert "memory 5.0 GB of 8.0 GB" in shown
        assert "1 h 02 min left" in shown
        await pilot.press("space")
        await until(pilot, lambda: trainer.calls[-1] == "pause")
        trainer.queue.put_nowait(
            te.TrainingStateChanged(state=te.TrainingState.PAUSED, reason="The notebook needs the GPU.")
        )
        await until(pilot, lambda: screen.record.state is te.TrainingState.PAUSED)
        await pilot.pause()
        assert "The notebook needs the GPU." in text(app, "#training")
        await pilot.press("space")
        await until(pilot, lambda: trainer.calls[-1] == "resume")


async def test_an_adapter_is_compared_before_it_is_promoted(opened, trainer) -> None:
    async with opened() as (app, pilot):
        screen = await show(app, pilot, trainer)
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("p")
        await until(pilot, lambda: trainer.active == "newer")
        await until(pilot, lambda: app.screen is screen)


async def test_one_that_does_not_beat_the_active_one_cannot_be_promoted(opened, trainer) -> None:
    async with opened() as (app, pilot):
        await show(app, pilot, trainer)
        await pilot.press("down", "c")
        await until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("p")
        assert trainer.active == "older"
        assert isinstance(app.screen, ChoiceScreen)


async def test_a_refusal_of_the_trainer_is_one_sentence(opened, trainer) -> None:
    async with opened() as (app, pilot):
        await show(app, pilot, trainer)
        await pilot.press("B")
        await until(pilot, lambda: any("no earlier" in notice.message for notice in app._notifications))


async def test_a_run_that_failed_can_be_gone_on_with(opened, trainer) -> None:
    async with opened() as (app, pilot):
        screen = await show(app, pilot, trainer)
        trainer.queue.put_nowait(
            te.TrainingEnded(state=te.TrainingState.FAILED, adapter=None, message="The disk is full.")
        )
        await until(pilot, lambda: screen.record.state is te.TrainingState.FAILED)
        await pilot.press("space")
        await until(pilot, lambda: trainer.calls == ["resume"])


@pytest.mark.parametrize(
    "event",
    [
        te.TrainingProgress(update=1, updates=2, loss=0.5),
        te.TrainingEnded(state=te.TrainingState.DONE, adapter="a", message="done"),
        te.CheckpointSaved(update=3, path="x"),
    ],
)
def test_training_events_survive_the_way_to_a_front_end(event) -> None:
    assert te.decode(te.encode(event)) == event
