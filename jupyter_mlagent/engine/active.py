"""Which adapter is in use for a model: a small file among the adapters, read by every engine.

Trainers write it (`local_rl.adapters`); the agent only reads it, so that any door serves what was promoted,
and a running engine swaps as soon as the file changes. Where nothing was ever chosen for a model, an adapter
that comes with the package is used.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import msgspec

from jupyter_mlagent import paths
from jupyter_mlagent.records import Record

ACTIVE_FILE = "active.json"
BUNDLED = "bundled"
"""Folder of the adapters that come with the package; a file is called after the first 16 digits of its base's
SHA-256."""


class Chosen(Record):
    """For one base model."""

    name: str | None
    """None: the base as it is."""
    before: tuple[str | None, ...] = ()
    """What was in use earlier, the latest last."""


def read_choices() -> dict[str, Chosen]:
    """By SHA-256 of the base; empty where nothing was chosen or the file is damaged."""
    try:
        data = (paths.adapters_dir() / ACTIVE_FILE).read_bytes()
        return msgspec.json.decode(data, type=dict[str, Chosen])
    except (OSError, msgspec.DecodeError):
        return {}


def adapter_file(name: str) -> Path:
    """The GGUF form of an adapter of this machine."""
    return paths.adapters_dir() / name / "adapter.gguf"


def bundled_adapter(base_sha256: str) -> Path | None:
    """The adapter for that base that comes with the package."""
    path = Path(str(files("jupyter_mlagent.engine"))) / BUNDLED / f"{base_sha256[:16]}.gguf"
    return path if path.is_file() else None


def active_adapter(base_sha256: str | None) -> Path | None:
    """What an engine for that base is to load; None: nothing."""
    if base_sha256 is None:
        return None
    chosen = read_choices().get(base_sha256)
    if chosen is None:
        return bundled_adapter(base_sha256)
    if chosen.name is None:
        return None
    if chosen.name == BUNDLED:
        return bundled_adapter(base_sha256)
    path = adapter_file(chosen.name)
    return path if path.is_file() else None


class Follower:
    """Looks whether the adapter in use has changed; costs one look at a file's time."""

    def __init__(self, base_sha256: str | None) -> None:
        self._base = base_sha256
        self._seen: tuple[int, int] | None = None
        self._path: Path | None = None

    def current(self) -> Path | None:
        stamp = _stamp()
        if self._seen is None or stamp != self._seen:
            self._path, self._seen = active_adapter(self._base), stamp
        return self._path


def _stamp() -> tuple[int, int]:
    try:
        found = (paths.adapters_dir() / ACTIVE_FILE).stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_ino)
