"""A task's data on disk: what a notebook may see, and the answers it may not.

Prepared once per content of the task's code, below the cache; a change in the code is a new place. Made in a
temporary folder and moved into place whole, so that a half-prepared task never exists.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jupyter_mlagent.paths import cache_dir
from local_rl.tasks.errors import TaskError
from local_rl.tasks.folder import TaskFolder
from local_rl.tasks.process import call
from local_rl.tasks.worker import Job

PREPARE_SECONDS = 300.0


@dataclass(frozen=True)
class Prepared:
    public: Path
    private: Path

    @property
    def hidden(self) -> Path:
        """The folder that no kernel and no trial may see."""
        return self.private


def tasks_cache() -> Path:
    return cache_dir() / "tasks"


def prepared(folder: TaskFolder) -> Prepared:
    """The task's data, prepared now if it is not there yet. Raises TaskError when prepare.py fails."""
    if folder.spec.wrapped is not None:
        return Prepared(
            (folder.path / folder.spec.wrapped.public).resolve(),
            (folder.path / folder.spec.wrapped.private).resolve(),
        )
    place = tasks_cache() / f"{folder.id}-{_code_hash(folder)}"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.id}-", dir=place.parent))
        try:
            prepare_into(folder, fresh)
            _move_into_place(fresh, place)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return Prepared(place / "public", place / "private")


def prepare_into(folder: TaskFolder, destination: Path) -> Prepared:
    """Run prepare.py into `destination`/public and /private. Raises TaskError when either stays empty."""
    made = Prepared(destination / "public", destination / "private")
    for part in (made.public, made.private):
        part.mkdir(parents=True)
    job = Job(file=str(folder.prepare), function="prepare", arguments=(str(made.public), str(made.private)))
    call(folder.id, job, PREPARE_SECONDS)
    for part in (made.public, made.private):
        if not any(part.iterdir()):
            raise TaskError(f"prepare.py of task '{folder.id}' left the {part.name} folder empty.")
    return made


def fingerprint(part: Path) -> dict[str, str]:
    """SHA-256 of every file below `part`, by relative path."""
    return {
        str(file.relative_to(part)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(part.rglob("*"))
        if file.is_file()
    }


def _code_hash(folder: TaskFolder) -> str:
    """Over what the data depends on: the task's prepare.py and the shared modules it builds on."""
    digest = hashlib.sha256(folder.prepare.read_bytes())
    for shared in ("tables.py", "sources.py"):
        digest.update((Path(__file__).parent / shared).read_bytes())
    return digest.hexdigest()[:12]


def _move_into_place(fresh: Path, place: Path) -> None:
    try:
        os.rename(fresh, place)  # noqa: PTH104 - raises, where Path.replace might not, when another was faster
    except OSError:
        if not place.exists():
            raise
