"""From an adapter's name, as a config gives it, to the folder that training goes on from."""

from __future__ import annotations

from pathlib import Path

from local_rl.adapters.store import find_adapter
from local_rl.errors import AdapterError
from local_rl.policy.loading import PEFT_CONFIG


def peft_folder(name: str, base_sha256: str | None = None) -> Path:
    """By name among this machine's adapters, or a folder in PEFT's form.

    Raises AdapterError for an unknown one, one of another base, or one that has only the engine's form.
    """
    given = Path(name).expanduser()
    if (given / PEFT_CONFIG).is_file():
        return given
    adapter = find_adapter(name)
    if base_sha256 is not None and adapter.record.base_sha256 != base_sha256:
        raise AdapterError(f"{adapter.name} is an adapter of {adapter.record.base_model}, not of this model.")
    if not (adapter.peft / PEFT_CONFIG).is_file():
        raise AdapterError(f"{adapter.name} has only the engine's form, so training cannot go on from it.")
    return adapter.peft
