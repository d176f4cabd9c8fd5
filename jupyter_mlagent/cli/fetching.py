"""What the terminal shows while a model is fetched: a bar, or without a terminal one line for each tenth."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from jupyter_mlagent.engine import download

_WORDS = {"checking": "checking", "waiting": "waiting for another download"}


class ProgressLine:
    """Hand `update` to `download.pull`; a context manager."""

    def __init__(self, model: str) -> None:
        console = Console(stderr=True, highlight=False)
        self._plain = None if console.is_terminal else console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=self._plain is not None,
        )
        self._task = self._bar.add_task(model, total=None)
        self._said: tuple[str, int] | None = None

    def __enter__(self) -> ProgressLine:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, progress: download.Progress) -> None:
        doing = _WORDS.get(progress.doing, f"from {progress.source}")
        if self._plain is None:
            self._bar.update(
                self._task,
                description=f"{progress.model} {doing}",
                completed=progress.done_bytes,
                total=progress.total_bytes,
            )
            return
        if progress.doing == "checking":
            return
        tenth = progress.done_bytes * 10 // progress.total_bytes
        if self._said != (doing, tenth):
            self._said = (doing, tenth)
            self._plain.print(f"{progress.model} {doing}: {tenth * 10}%", soft_wrap=True, markup=False)
