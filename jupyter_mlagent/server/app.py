"""What Jupyter Server loads: settings, routes and the things that live as long as the server."""

from __future__ import annotations

import os
from typing import Any

from jupyter_server.extension.application import ExtensionApp
from traitlets import Callable, Unicode

from jupyter_mlagent.engine.open import open_engine
from jupyter_mlagent.errors import JournalError
from jupyter_mlagent.journal import Journal
from jupyter_mlagent.server.channel import NotebookChannel
from jupyter_mlagent.server.engine import SharedEngine
from jupyter_mlagent.server.handlers import (
    DownloadHandler,
    JournalHandler,
    ModelsHandler,
    SearchHandler,
    StatusHandler,
    StepHandler,
)
from jupyter_mlagent.server.kernels import ServerTrials
from jupyter_mlagent.server.learning import Learning
from jupyter_mlagent.server.learning_handlers import (
    AdaptersHandler,
    ComparisonHandler,
    PromotionHandler,
    TrainingHandler,
    TrainingPauseHandler,
)
from jupyter_mlagent.server.models import ModelList
from jupyter_mlagent.server.rooms import Rooms
from jupyter_mlagent.threads import YIELDING
from jupyter_mlagent.training_events import find_trainer


class MlagentApp(ExtensionApp):
    """One engine for all notebooks of the server."""

    name = "mlagent"
    extension_url = "/mlagent/status"
    load_other_extensions = True

    model = Unicode(
        "",
        config=True,
        help="Catalog name, path of a GGUF file or URL of an OpenAI-compatible endpoint; "
        "empty: the best one on this machine.",
    )
    engine_factory = Callable(
        open_engine,
        config=True,
        help="Makes the engine from `model` (None when that is empty): for an engine of your own.",
    )
    trials_factory = Callable(
        ServerTrials,
        config=True,
        help="Makes the source of trial runners from the server's kernel manager.",
    )
    trainer_factory = Callable(
        find_trainer,
        config=True,
        help="Finds the trainer, or None: for one of your own.",
    )

    def initialize_settings(self) -> None:
        # Kernels inherit it: the model of this server computes beside them.
        for name, value in YIELDING.items():
            os.environ.setdefault(name, value)
        journal, problem = _open_journal()
        engine = SharedEngine(self.engine_factory, self.model or None)
        assert self.serverapp is not None
        trials = self.trials_factory(self.serverapp.kernel_manager)
        self.rooms = Rooms(self.serverapp.root_dir, engine, trials, journal)
        self.learning = Learning(self.trainer_factory, engine)
        self.settings.update(
            mlagent_rooms=self.rooms,
            mlagent_models=ModelList(),
            mlagent_learning=self.learning,
            mlagent_journal_problem=problem,
        )

    def initialize_handlers(self) -> None:
        routes: list[Any] = [
            (r"/mlagent/status", StatusHandler),
            (r"/mlagent/models", ModelsHandler),
            (r"/mlagent/models/download", DownloadHandler),
            (r"/mlagent/adapters", AdaptersHandler),
            (r"/mlagent/adapters/comparison", ComparisonHandler),
            (r"/mlagent/adapters/promotion", PromotionHandler),
            (r"/mlagent/training", TrainingHandler),
            (r"/mlagent/training/pause", TrainingPauseHandler),
            (r"/mlagent/journal", JournalHandler),
            (r"/mlagent/journal/(\d+)", StepHandler),
            (r"/mlagent/search", SearchHandler),
            (r"/mlagent/notebook", NotebookChannel),
        ]
        self.handlers.extend(routes)

    async def stop_extension(self) -> None:
        self.settings["mlagent_models"].cancel()
        await self.learning.close()
        await self.rooms.close()


def _open_journal() -> tuple[Journal | None, str]:
    """The person's journal, or None and one sentence: suggestions work without it."""
    try:
        return Journal.open(), ""
    except JournalError as error:
        return None, str(error)
