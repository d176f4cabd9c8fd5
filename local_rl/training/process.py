"""The trainer's process: `python -m local_rl.training.process RUN`. Events on stdout, one JSON line each.

Its own process, so that its memory is given back when it pauses, and its crash costs nobody else anything.
What libraries print goes to `train.log` in the run's folder.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.training_events import (
    TrainingEnded,
    TrainingEvent,
    TrainingStarted,
    TrainingState,
    TrainingStateChanged,
    encode,
)
from local_rl.errors import TrainingError
from local_rl.training.folder import CONTROL_FILE, RunFolder, only_trainer
from local_rl.training.launch import LOG_FILE
from local_rl.training.options import from_toml
from local_rl.training.recipe import recipe_of
from local_rl.training.run import Paused, Run

PAUSED, FAILED = 75, 1
"""Exit codes; 75 is the system's for `try again later`."""


def main(folder: RunFolder, send: Callable[[TrainingEvent], None]) -> int:
    """One sitting of a run, from its config or its latest checkpoint; the exit code."""
    run = Run(folder, send)
    try:
        with only_trainer(run.folder.name), run.heeding_signals():
            folder.mend_events()
            (folder.path / CONTROL_FILE).unlink(missing_ok=True)
            _train(run)
    except Paused as paused:
        run.tell(TrainingStateChanged(state=TrainingState.PAUSED, reason=str(paused)))
        return PAUSED
    except MlagentError as error:
        return _failed(run, str(error))
    except Exception as error:
        traceback.print_exc()
        return _failed(
            run,
            f"Training failed ({type(error).__name__}: {_first_line(error)}); the log is "
            f"{folder.path / LOG_FILE}.",
        )
    return 0


def _train(run: Run) -> None:
    from local_rl.adapters.making import make_adapter
    from local_rl.training.starting import base_of, check_memory, device_name

    facts = run.facts
    recipe = recipe_of(facts.kind)
    config = from_toml(recipe.config_type, run.folder.config(), f"{run.folder.path}")
    plan = recipe.plan(config)
    if plan.data_fingerprint != facts.data_fingerprint:
        raise TrainingError(
            f"The data of {run.name} have changed since it began, so it cannot go on with the same numbers: "
            "start a new run."
        )
    policy = recipe.policy(config)
    base, base_sha256 = base_of(policy)
    if base_sha256 != facts.base_sha256:
        raise TrainingError(f"{base.path} is not the model that {run.name} began with: start a new run.")
    run.tell(
        TrainingStarted(
            run_id=run.name,
            kind=facts.kind,
            base_model=base.name,
            adapter=policy.adapter or None,
            updates=plan.updates,
            examples=plan.examples,
            device=device_name(),
        )
    )
    check_memory(policy, base, plan)
    learned = recipe.train(config, run)
    adapter = make_adapter(
        learned.peft,
        base,
        base_sha256,
        name=run.name,
        kind=facts.kind,
        run=run.name,
        config=run.folder.config(),
        data_fingerprint=facts.data_fingerprint,
        before=policy.adapter,
        steps=learned.steps,
        note=learned.note,
    )
    run.tell(
        TrainingEnded(
            state=TrainingState.DONE,
            adapter=adapter.name,
            message=f"{learned.note} Judge it with: mlagent adapters compare {adapter.name}",
        )
    )


def _failed(run: Run, message: str) -> int:
    with contextlib.suppress(MlagentError):
        run.tell(TrainingEnded(state=TrainingState.FAILED, adapter=None, message=message))
    return FAILED


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]


def _pipe() -> Callable[[TrainingEvent], None]:
    """Sends events to whoever started us; everything else that is printed goes to the log, stderr."""
    output = os.dup(1)
    os.dup2(2, 1)

    def send(event: TrainingEvent) -> None:
        with contextlib.suppress(BrokenPipeError, OSError):  # training goes on when nobody listens any more
            os.write(output, encode(event) + b"\n")

    return send


if __name__ == "__main__":
    sys.exit(main(RunFolder(Path(sys.argv[1])), _pipe()))
