"""The models of the catalog as the panel shows them, and the one download under way."""

from __future__ import annotations

import asyncio
import threading

from jupyter_mlagent.errors import ModelError
from jupyter_mlagent.records import Record


class ModelRow(Record):
    name: str
    title: str
    bytes: int
    present: bool
    suggested: bool
    """The default one of this machine."""


class Download(Record):
    model: str
    done_bytes: int
    total_bytes: int
    doing: str
    """`fetching`, `checking`, `waiting`, `done` or `failed`."""
    problem: str = ""


class ModelTable(Record):
    models: tuple[ModelRow, ...]
    current: str | None
    download: Download | None
    missing: str | None = None
    """Name of the model that has to be fetched before anything can be proposed."""


class ModelList:
    """To be used from the server's event loop; the download itself runs in a thread."""

    def __init__(self) -> None:
        self._download: Download | None = None
        self._cancelled = threading.Event()
        self._task: asyncio.Task[None] | None = None

    def list(self, current: str | None = None, *, running: bool = False) -> ModelTable:
        """`running`: whether the engine serves already, whatever the catalog says of its model."""
        from jupyter_mlagent.engine import catalog

        suggested = catalog.default_model().model.name
        missing = None if running else _missing(current, suggested)
        rows = tuple(
            ModelRow(
                name=model.name,
                title=model.title,
                bytes=model.bytes,
                present=model.present,
                suggested=model.name == suggested,
            )
            for model in catalog.models()
            if model.offered or model.present or model.name == missing
        )
        return ModelTable(
            models=rows,
            current=current,
            download=self._download,
            missing=None if running else _missing(current, suggested),
        )

    def download(self, name: str) -> None:
        """Start fetching; raises ModelError for a name that the catalog does not have."""
        from jupyter_mlagent.engine import catalog

        model = catalog.find(name)
        if self._task is not None and not self._task.done():
            raise ModelError("A model is being fetched already; wait for it or stop it first.")
        self._cancelled = threading.Event()
        self._download = Download(model=model.name, done_bytes=0, total_bytes=model.bytes, doing="waiting")
        self._task = asyncio.ensure_future(self._pull(model.name))

    async def _pull(self, name: str) -> None:
        from jupyter_mlagent.engine import catalog
        from jupyter_mlagent.engine.download import Progress, pull

        model = catalog.find(name)

        def heard(progress: Progress) -> None:
            self._download = Download(
                model=name,
                done_bytes=progress.done_bytes,
                total_bytes=progress.total_bytes,
                doing=progress.doing,
            )

        try:
            await asyncio.to_thread(pull, model, heard, self._cancelled)
        except ModelError as error:
            self._show_end(name, model.bytes, "failed", str(error))
        else:
            self._show_end(name, model.bytes, "done")

    def _show_end(self, name: str, total: int, doing: str, problem: str = "") -> None:
        done = total if doing == "done" else (self._download.done_bytes if self._download else 0)
        self._download = Download(
            model=name, done_bytes=done, total_bytes=total, doing=doing, problem=problem
        )

    def cancel(self) -> None:
        self._cancelled.set()


def _missing(current: str | None, suggested: str) -> str | None:
    from jupyter_mlagent.engine import catalog

    if current is not None and current.startswith(("http://", "https://")):
        return None
    try:
        catalog.resolve(current)
    except ModelError:
        pass
    else:
        return None
    try:
        return catalog.find(current or suggested).name
    except ModelError:
        return None
