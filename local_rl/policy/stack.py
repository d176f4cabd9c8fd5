"""The one door to Unsloth: imported before transformers and TRL, which it patches; nothing phones home."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Any

from jupyter_mlagent import paths
from local_rl.errors import TrainingError

MISSING = (
    "Training needs Unsloth, which is not installed here ({reason}): run `make rl`, "
    "or see install.md, section 'Training'."
)


def quiet_environment() -> None:
    """No telemetry, no look-ups of names on the hub, nothing written into the working directory."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["UNSLOTH_DISABLE_STATISTICS"] = "1"
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(paths.cache_dir() / "unsloth"))


def load_unsloth() -> Any:
    """The module `unsloth`; raises TrainingError with the cure when it is missing or does not load."""
    quiet_environment()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # its banner
            import unsloth
    except (ImportError, NotImplementedError, RuntimeError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise TrainingError(MISSING.format(reason=reason[0].rstrip("."))) from error
    import transformers

    transformers.logging.disable_progress_bar()
    return unsloth


def on_gpu() -> bool:
    """Whether training runs on an accelerator; raises TrainingError where torch is missing."""
    try:
        import torch
    except ImportError as error:
        raise TrainingError(MISSING.format(reason=str(error).rstrip("."))) from error
    return bool(torch.cuda.is_available())
