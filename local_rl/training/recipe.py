"""What a kind of training has to offer, and where each is found."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from jupyter_mlagent.records import Record
from jupyter_mlagent.training_events import TrainingKind
from local_rl.policy.config import PolicyConfig

if TYPE_CHECKING:
    from local_rl.training.run import Run

RECIPES = {
    TrainingKind.EXPLORE: "local_rl.explore.recipe",
    TrainingKind.STEPS: "local_rl.steps.recipe",
    TrainingKind.VERDICTS: "local_rl.verdicts.recipe",
}
"""Modules that hold a `RECIPE`; imported when it is asked for, without torch."""


class Plan(Record):
    """What a run would do, known before anything is loaded."""

    updates: int
    examples: int
    """What it learns from: replies, or steps to be sampled."""
    lines: tuple[str, ...]
    """Sentences for `--dry-run`: data, what is left out and why."""
    data_fingerprint: str = ""
    """SHA-256 of the data: a run is resumed with the same ones only."""
    prompt_tokens: int = 1024
    """Longest prompt; with `reply_tokens` and `replies` what the memory of an update depends on."""
    reply_tokens: int = 256
    replies: int = 1
    """Computed at once."""


class Learned(Record):
    """What a finished run made."""

    peft: Path
    """Folder of the adapter in PEFT's form."""
    steps: int
    """Steps it learned from."""
    note: str = ""


class Recipe(Protocol):
    """Configs are instances of `config_type`: a frozen dataclass whose fields carry their help text."""

    config_type: type[Any]

    def policy(self, config: Any) -> PolicyConfig: ...

    def plan(self, config: Any) -> Plan:
        """Raises MlagentError for what cannot work: no tasks, an empty journal, data that cannot be read."""
        ...

    def train(self, config: Any, run: Run) -> Learned:
        """Go on from `run.latest_checkpoint()` where there is one; raise Paused when `run.wanted` says so."""
        ...


def available() -> list[TrainingKind]:
    return [kind for kind, module in RECIPES.items() if _exists(module)]


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def recipe_of(kind: TrainingKind) -> Recipe:
    found: Recipe = import_module(RECIPES[kind]).RECIPE
    return found
