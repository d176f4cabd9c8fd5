"""Choosing the adapter in use, and going back."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from jupyter_mlagent import paths
from jupyter_mlagent.engine.active import ACTIVE_FILE, BUNDLED, Chosen, bundled_adapter, read_choices
from local_rl.adapters.store import Adapter
from local_rl.errors import AdapterError

MOST_REMEMBERED = 50


def active_name(base_sha256: str) -> str | None:
    """Name of the adapter in use for a base; None: the base as it is."""
    chosen = read_choices().get(base_sha256)
    if chosen is not None:
        return chosen.name
    return BUNDLED if bundled_adapter(base_sha256) is not None else None


def use(adapter: Adapter | None, base_sha256: str) -> None:
    """From now on every engine for that base has this adapter; None: the base as it is."""
    if adapter is not None and adapter.record.base_sha256 != base_sha256:
        raise AdapterError(f"{adapter.name} is an adapter of {adapter.record.base_model}, not of this model.")
    with _changing() as choices:
        before = (*_history(choices, base_sha256), active_name(base_sha256))
        name = adapter.name if adapter is not None else None
        choices[base_sha256] = Chosen(name=name, before=before[-MOST_REMEMBERED:])


def roll_back(base_sha256: str) -> str | None:
    """What was in use before is in use again; returns its name, None for the base. Raises AdapterError."""
    with _changing() as choices:
        history = list(_history(choices, base_sha256))
        while history:
            name = history.pop()
            if name in (None, BUNDLED) or (paths.adapters_dir() / name).is_dir():
                choices[base_sha256] = Chosen(name=name, before=tuple(history))
                return name
        raise AdapterError("There is nothing to go back to: no adapter was promoted for this model.")


def _history(choices: dict[str, Chosen], base_sha256: str) -> tuple[str | None, ...]:
    chosen = choices.get(base_sha256)
    return chosen.before if chosen is not None else ()


@contextmanager
def _changing() -> Iterator[dict[str, Chosen]]:
    """One change at a time, written whole; nothing is written when the block raises."""
    folder = paths.adapters_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / f".{ACTIVE_FILE}.lock", os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise AdapterError(f"The adapters folder {folder} cannot be written ({error.strerror}).") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        choices = read_choices()
        yield choices
        temporary = folder / f".{ACTIVE_FILE}.{os.getpid()}"
        try:
            temporary.write_bytes(msgspec.json.encode(choices))
            temporary.replace(folder / ACTIVE_FILE)
        except OSError as error:
            raise AdapterError(f"{folder / ACTIVE_FILE} cannot be written ({error.strerror}).") from error
    finally:
        os.close(lock)
