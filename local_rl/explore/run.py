"""The collection as one call: engines opened and closed, tasks found, progress told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from jupyter_mlagent.engine.api import Engine
from jupyter_mlagent.errors import MlagentError
from local_rl.explore.collect import Collector
from local_rl.explore.config import CollectConfig
from local_rl.explore.recipe_engine import NAME as RECIPES
from local_rl.explore.store import Exploration
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.suite import Split, find, tasks


def training_tasks(names: tuple[str, ...]) -> list[TaskFolder]:
    """Those named, else the suite's training half. Raises MlagentError for a task held out for judging."""
    held_out = {folder.id for folder in tasks(Split.HELD_OUT)}
    folders = [find(name) for name in names] if names else list(tasks(Split.TRAIN))
    for folder in folders:
        if folder.id in held_out:
            raise MlagentError(f"Task '{folder.id}' is held out for judging; nothing may be learned from it.")
    if not folders:
        raise MlagentError("There is no training task; name a task folder with --tasks.")
    return folders


async def collect(
    config: CollectConfig,
    folder: Path,
    told: Callable[[str], None],
    go_on: Callable[[], bool] = lambda: True,
) -> Exploration:
    """Explore into `folder`; what is there already is not done again. Raises MlagentError."""
    from jupyter_mlagent.engine.open import open_engine

    folders, store = training_tasks(config.tasks), Exploration(folder)
    if config.expert == RECIPES:
        await Collector(folders, None, None, config, store, told, go_on).run()
        return store
    expert = open_engine(config.expert)
    other = config.ideas and config.embedder and config.embedder != config.expert
    embedder: Engine = open_engine(config.embedder) if other else expert
    try:
        await expert.start()
        await Collector(folders, expert, embedder, config, store, told, go_on).run()
    finally:
        await asyncio.shield(expert.close())
        if embedder is not expert:
            await asyncio.shield(embedder.close())
    return store
