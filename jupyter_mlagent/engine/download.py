"""Fetch a model's files from the hub or a mirror: resumed, verified, put in place in one step."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from jupyter_mlagent import paths
from jupyter_mlagent.engine import catalog
from jupyter_mlagent.engine.catalog import ModelFile, ModelPart, ModelSpec
from jupyter_mlagent.engine.prefix_file import PrefixFile, sha256_of
from jupyter_mlagent.engine.sources import Source, SourceError, sources_of
from jupyter_mlagent.errors import ModelError
from jupyter_mlagent.records import Record

MARGIN_BYTES = 64 << 20
"""Disk to leave free."""
ATTEMPTS = 5
"""How often one source may break off and be asked for the rest."""


class Progress(Record):
    model: str
    done_bytes: int
    total_bytes: int
    doing: str
    """`fetching`, `checking` or `waiting` (another process is fetching the same file)."""
    source: str = ""


class DownloadCancelledError(ModelError):
    """The caller asked for the end; what has arrived is kept."""


OnProgress = Callable[[Progress], None]


def pull(
    model: ModelSpec, on_progress: OnProgress | None = None, cancelled: threading.Event | None = None
) -> ModelFile:
    """Make `model` present and verified; quick when it is there (its hash is computed once more).

    Blocks: call it in a thread from asynchronous code, and set `cancelled` to end it at the next block.
    Raises ModelError: no source could give it, it was altered, the disk is full or not writable.
    """
    folder = paths.models_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"The models folder {folder} cannot be created ({error.strerror}); set MLAGENT_MODELS to a "
            "folder of yours."
        ) from None
    watch = _Watch(model, on_progress, cancelled or threading.Event())
    for part in model.part:
        with _one_at_a_time(folder, part, watch):
            if not _is_intact(folder / part.file, part, watch):
                _fetch(model, part, folder, watch)
        watch.finished_bytes += part.bytes
    return catalog.file_of(model)


def verify(model: ModelSpec, on_progress: OnProgress | None = None) -> None:
    """Hash every file of a model that is here; raises ModelError when one is absent or altered."""
    catalog.file_of(model)
    watch = _Watch(model, on_progress, threading.Event())
    for part in model.part:
        path = paths.models_dir() / part.file
        if not _is_intact(path, part, watch):
            raise ModelError(
                f"{path} is not the published file (its SHA-256 differs); replace it with: "
                f"mlagent models pull {model.name}"
            )
        watch.finished_bytes += part.bytes


class _Watch:
    """Tells the caller what goes on, and hears from it whether to stop."""

    def __init__(self, model: ModelSpec, on_progress: OnProgress | None, cancelled: threading.Event) -> None:
        self.model = model
        self.finished_bytes = 0
        self._on_progress = on_progress
        self.cancelled = cancelled

    def __call__(self, doing: str, done: int, source: str = "") -> None:
        if self._on_progress is not None:
            total = self.model.bytes
            self._on_progress(
                Progress(
                    model=self.model.name,
                    done_bytes=min(total, self.finished_bytes + done),
                    total_bytes=total,
                    doing=doing,
                    source=source,
                )
            )
        if self.cancelled.is_set():
            raise DownloadCancelledError(
                f"Fetching {self.model.name} was stopped; what has arrived is kept, and pulling it again "
                "goes on from there."
            )


@contextlib.contextmanager
def _one_at_a_time(folder: Path, part: ModelPart, watch: _Watch) -> Iterator[None]:
    try:
        stream = (folder / f".{part.file}.lock").open("w")
    except OSError as error:
        raise ModelError(
            f"The models folder {folder} cannot be written ({error.strerror}); set MLAGENT_MODELS to a "
            "folder of yours."
        ) from None
    with stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                watch("waiting", 0)
                watch.cancelled.wait(0.2)
        yield


def _is_intact(path: Path, part: ModelPart, watch: _Watch) -> bool:
    try:
        if path.stat().st_size != part.bytes:
            return False
        return sha256_of(path, lambda done: watch("checking", done)) == part.sha256
    except FileNotFoundError:
        return False
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).") from None


def _fetch(model: ModelSpec, part: ModelPart, folder: Path, watch: _Watch) -> None:
    failures = []
    with PrefixFile(folder, part) as prefix:
        for source in sources_of(model, part, folder):
            _check_room(model, prefix, source)
            try:
                _fill(prefix, source, watch)
            except SourceError as error:
                failures.append(str(error))
            else:
                prefix.publish()
                return
    reasons = "; ".join(failures) or "HF_HUB_OFFLINE is set and it has no mirror"
    raise ModelError(
        f"{model.name} could not be fetched: {reasons}. Check the network and proxy settings and pull it "
        f"again, or copy {part.file} into {folder} from elsewhere."
    )


def _check_room(model: ModelSpec, prefix: PrefixFile, source: Source) -> None:
    needed = prefix.missing_bytes + source.scratch_bytes + MARGIN_BYTES
    free = shutil.disk_usage(prefix.path.parent).free
    if free < needed:
        raise ModelError(
            f"There is not enough room for {model.name} in {prefix.path.parent}: {needed / 1e9:.2f} GB are "
            f"needed and {free / 1e9:.2f} GB are free; free some or set MLAGENT_MODELS to another disk."
        )


def _fill(prefix: PrefixFile, source: Source, watch: _Watch) -> None:
    """Bring `prefix` to its end from one source; raises SourceError when that cannot do it."""
    for attempt in range(ATTEMPTS):
        resumed = prefix.size > 0
        try:
            _append_rest(prefix, source, watch)
        except SourceError as error:
            if error.broke_off and attempt < ATTEMPTS - 1:
                continue
            raise
        if prefix.intact:
            return
        prefix.restart()
        if not resumed:
            raise SourceError(
                f"{source.name} sent an altered {prefix.part.file} (its SHA-256 differs; it was deleted)"
            )
    raise SourceError(f"{source.name} kept breaking off the connection")


def _append_rest(prefix: PrefixFile, source: Source, watch: _Watch) -> None:
    before = told = prefix.size

    def pending(count: int) -> None:
        # A mirror's chunk counts once while it is fetched; unpacking it then brings no bar back.
        nonlocal told
        told = min(prefix.part.bytes, max(told, prefix.size + count))
        watch("fetching", told, source.name)

    with contextlib.closing(source.read(prefix.size, pending)) as blocks:
        for block in blocks:
            if len(block) > prefix.missing_bytes:
                prefix.restart()
                raise SourceError(f"{source.name} sent more than {prefix.part.file} has")
            prefix.append(block)
            pending(0)
    if prefix.missing_bytes:
        raise SourceError(
            f"{source.name} sent only {prefix.size} of the {prefix.part.bytes} bytes of {prefix.part.file}",
            broke_off=prefix.size > before,
        )
