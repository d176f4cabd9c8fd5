"""Keeps one worker alive: starts it, restarts it after a crash with its adapter, shows what it is doing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from jupyter_mlagent.engine.call import WorkerDied
from jupyter_mlagent.engine.cpu import read_cpu
from jupyter_mlagent.engine.diagnosis import Death, Phase, diagnose
from jupyter_mlagent.engine.link import WorkerLink
from jupyter_mlagent.engine.protocol import Command, Load, Ready, SetAdapter
from jupyter_mlagent.engine.status import EngineState, EngineStatus, StatusBoard
from jupyter_mlagent.errors import EngineError

_DEATHS_IN_A_ROW = 3
"""So many deaths without a request served in between, and the worker is not restarted by itself."""

_RESTARTING = "; it is being restarted, ask again"

Adapter = tuple[Path, float]
"""A GGUF file and the scale of its effect."""


class Supervisor:
    """The worker of one engine, through all its lives."""

    def __init__(self, load: Load, *, worker_command: Sequence[str]) -> None:
        self.board = StatusBoard()
        self.adapter: Adapter | None = None
        self._load = load
        self._worker_command = tuple(worker_command)
        self._link: WorkerLink | None = None
        self._ready: Ready | None = None
        self._starting: asyncio.Task[WorkerLink] | None = None
        self._deaths = 0

    @property
    def link(self) -> WorkerLink | None:
        """The worker, while it is ready to serve."""
        return self._link if self._ready and self._link and not self._link.death else None

    @property
    def ready(self) -> Ready | None:
        """What the worker said of its model when it last became ready."""
        return self._ready

    @property
    def log(self) -> tuple[str, ...]:
        return self._link.log if self._link else ()

    async def linked(self) -> WorkerLink:
        """The living worker, started if need be; concurrent callers share one start."""
        if link := self.link:
            return link
        if self._starting is None:
            self._launch(EngineStatus(state=EngineState.STARTING))
        assert self._starting is not None
        try:
            return await asyncio.shield(self._starting)
        except asyncio.CancelledError:
            if self._starting is None and not _cancelling():
                raise EngineError("The engine was closed before the model was loaded.") from None
            raise

    def served(self) -> None:
        """A request came through: earlier deaths no longer count."""
        self._deaths = 0

    def show(self, state: EngineState) -> None:
        """Tell the watchers, unless the worker is gone, which has a message of its own."""
        if self.link:
            self.board.show(EngineStatus(state=state, memory_bytes=self.memory_bytes()))

    def memory_bytes(self) -> int | None:
        """Resident memory of the worker, the mapped weights included."""
        import psutil

        if self._link is None:
            return None
        try:
            resident: int = psutil.Process(self._link.pid).memory_info().rss
        except psutil.Error:
            return None
        return resident or None

    def sentence(self, death: Death) -> str:
        """What to tell the person whose request `death` ended."""
        if death.returncode == 0:
            return f"The engine was closed while {death.phase.value}."
        restarts = death.phase is Phase.SERVING and self._deaths < _DEATHS_IN_A_ROW
        return diagnose(death, read_cpu(), aftermath=_RESTARTING if restarts else "")

    async def close(self) -> None:
        starting, self._starting = self._starting, None
        if starting:
            starting.cancel()
            with suppress(asyncio.CancelledError, EngineError):
                await starting
        link, self._link, self._ready = self._link, None, None
        if link:
            await link.close()
        self.board.show(EngineStatus())

    def abandon(self) -> None:
        """Drop a worker whose event loop is gone."""
        if self._link:
            self._link.kill()
        self._link = self._ready = self._starting = None

    def _launch(self, status: EngineStatus) -> None:
        self.board.show(status)
        self._ready = None
        self._starting = asyncio.create_task(self._start())
        self._starting.add_done_callback(self._launched)

    def _launched(self, starting: asyncio.Task[WorkerLink]) -> None:
        if self._starting is starting:
            self._starting = None
        if starting.cancelled():
            return
        if error := starting.exception():
            self.board.show(EngineStatus(message=str(error)))
        else:
            self.show(EngineState.READY)

    async def _start(self) -> WorkerLink:
        _check_file(Path(self._load.path))
        try:
            self._link = link = WorkerLink(
                self._worker_command, on_progress=self._progressed, on_death=self._died
            )
            ready = await link.load(self._load)
            if self.adapter:
                adapter, self.adapter = self.adapter, None
                await link.call(set_adapter(adapter)).answer()
                self.adapter = adapter
        except WorkerDied as died:
            raise EngineError(self.sentence(died.death)) from None
        except OSError as error:
            raise EngineError(f"The model worker cannot be started: {error}.") from None
        self._ready = ready
        return link

    def _progressed(self, progress: float) -> None:
        self.board.show(
            EngineStatus(
                state=EngineState.LOADING,
                progress=progress,
                memory_bytes=self.memory_bytes(),
                message=self.board.current.message,
            )
        )

    def _died(self, death: Death) -> None:
        """A worker that was serving is gone: start the next one, unless they keep dying."""
        self._deaths += 1
        if self._deaths < _DEATHS_IN_A_ROW:
            self._launch(EngineStatus(state=EngineState.RESTARTING, message=self.sentence(death)))
        else:
            self.board.show(EngineStatus(message=self.sentence(death)))


def set_adapter(adapter: Adapter | None) -> Callable[[int], Command]:
    path, scale = (str(adapter[0]), adapter[1]) if adapter else (None, 1.0)
    return lambda id: SetAdapter(id=id, path=path, scale=scale)


def _check_file(path: Path) -> None:
    """Raises EngineError for what is not even the beginning of a model file."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise EngineError(
            f"The model file {path} cannot be read ({error.strerror}): fetch it with `mlagent models pull`, "
            f"or give the path of another one."
        ) from None
    if magic != b"GGUF":
        raise EngineError(
            f"{path} is no GGUF model file, or a damaged one: fetch it again, or give another path."
        )


def _cancelling() -> bool:
    task = asyncio.current_task()
    return bool(task and task.cancelling())
