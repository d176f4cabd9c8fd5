"""Everything behind the screens, in one place: opens it, holds its state, and ends it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jupyter_mlagent.engine.api import Engine
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.notebook.structure import assign_ids, check_notebook
from mlagent_tui.autopilot.pilot import Pilot
from mlagent_tui.desk.core import Core, NoEngine
from mlagent_tui.desk.document import Document
from mlagent_tui.desk.events import CellsChanged, Post, Said, Severity, StatusChanged
from mlagent_tui.desk.status import KernelState, ModelState, Status
from mlagent_tui.notebook.face import Activity, CellFace, faces_of
from mlagent_tui.proposals.proposer import Proposer
from mlagent_tui.search.explorer import Explorer

if TYPE_CHECKING:
    from jupyter_mlagent.workbench import Workbench
    from mlagent_tui.desk.running import Runner

DIED_IDLE = "The kernel died while nothing ran in it (killed, or out of memory)."


class Desk:
    """`preview` shows the file at once, `open` reads it, `serve` runs kernel and model until `close`."""

    def __init__(self, path: Path, core: Core, post: Post) -> None:
        self.path = path
        self.core = core
        self.post = post
        self.status = Status()
        self.document: Document | None = None
        self.workbench: Workbench | None = None
        self.runner: Runner | None = None
        self.proposer = Proposer(self)
        self.pilot = Pilot(self)
        self.explorer = Explorer(self)
        self._preview: tuple[CellFace, ...] = ()
        self._ready = asyncio.Event()
        self._wake = asyncio.Event()
        self._closing = False

    # -- opening and ending

    def preview(self) -> tuple[CellFace, ...]:
        """The cells without the second that the notebook library takes to import; empty when in doubt."""
        if not self.core.on_disk:
            return ()
        try:
            content = check_notebook(msgspec.json.decode(self.path.read_bytes()), self.path.name)
            assign_ids(content["cells"])
            self._preview = faces_of(content)
        except (OSError, ValueError, MlagentError, msgspec.DecodeError):
            self._preview = ()
        return self._preview

    async def open(self) -> None:
        """Read the notebook. Raises NotebookError."""
        notebook = await self.core.open_notebook(self.path)
        self.document = Document(notebook)
        self.post(CellsChanged())

    async def serve(self) -> None:
        """Kernel and model, until `close`; what fails is said and shown, and can be tried again."""
        assert self.document is not None
        engine = await self._open_engine()
        warming = asyncio.create_task(self._warm(engine)) if engine else None
        try:
            while not self._closing:
                await self._with_kernel(engine)
        finally:
            if warming is not None:
                warming.cancel()
                await asyncio.gather(warming, return_exceptions=True)
            if engine is not None:
                await asyncio.shield(engine.close())

    async def _with_kernel(self, engine: Engine | None) -> None:
        from mlagent_tui.desk.running import Runner

        assert self.document is not None
        self._wake.clear()
        self._kernel(KernelState.STARTING)
        try:
            async with self.core.open_workbench(
                self.document.notebook, engine or NoEngine(self.status.model_note), self._overhear
            ) as workbench:
                self.workbench = workbench
                self.runner = Runner(self.document, self.post, self.kernel_died)
                self.runner.executed |= workbench.executed
                self._kernel(KernelState.IDLE)
                self._ready.set()
                await self._wake.wait()
                await self.explorer.close()
                await self.stop()
                await self.runner.close()
        except MlagentError as error:
            self._kernel(KernelState.ABSENT, str(error))
            self.post(Said(str(error), Severity.ERROR))
            if not self._closing:
                await self._wake.wait()
        finally:
            self._ready.clear()
            self.workbench = None

    def _overhear(self, message: Any) -> None:
        """What others do in a notebook that is shared, and whether its server is there."""
        from jupyter_mlagent.remote.channel import Connected

        if not isinstance(message, Connected):
            self.proposer.overhear(message)
            self.explorer.overhear(message)
        elif not message.there:
            if self.status.kernel is not KernelState.AWAY:
                self.post(Said(message.sentence, Severity.WARNING))
            self._kernel(KernelState.AWAY, message.sentence)
        elif self.status.kernel is KernelState.AWAY:
            self._kernel(KernelState.IDLE)
            self.post(Said("The Jupyter server is back."))

    async def _open_engine(self) -> Engine | None:
        try:
            return await self.core.open_engine()
        except MlagentError as error:
            self._no_model(error)
            return None

    async def _warm(self, engine: Engine) -> None:
        try:
            info = await engine.start()
        except MlagentError as error:
            self._no_model(error)
            return
        self.model_is(info.model)

    def _no_model(self, error: MlagentError) -> None:
        self.status.model, self.status.model_note = ModelState.ABSENT, str(error)
        self.post(StatusChanged())
        self.post(Said(str(error), Severity.WARNING))

    def model_is(self, name: str) -> None:
        self.status.model, self.status.model_name, self.status.model_note = ModelState.READY, name, ""
        self.post(StatusChanged())

    def close(self) -> None:
        """Ask `serve` to end; kernel, trials and model go with it."""
        self._closing = True
        self._wake.set()

    # -- what is there

    @property
    def faces(self) -> tuple[CellFace, ...]:
        if self.document is None:
            return self._preview
        return tuple(self._alive(face) for face in self.document.faces)

    def face(self, cell_id: str) -> CellFace | None:
        if self.document is None:
            return next((face for face in self._preview if face.id == cell_id), None)
        face = self.document.face(cell_id)
        return face and self._alive(face)

    def _alive(self, face: CellFace) -> CellFace:
        runner = self.runner
        if runner is None:
            return face
        match runner.activity(face.id):
            case Activity.RUNNING:
                return face.running(runner.live)
            case Activity.QUEUED:
                return replace(face, activity=Activity.QUEUED)
            case _:
                return face

    @property
    def kernel_pid(self) -> int | None:
        """Of the kernel's process, when it is one of this machine."""
        return None if self.workbench is None else self.workbench.kernel.pid

    @property
    def modified(self) -> bool:
        return self.document is not None and self.document.modified

    @property
    def busy(self) -> bool:
        """The kernel is at work; a search is not, until it puts its path into the notebook."""
        running = self.runner is not None and self.runner.busy
        return running or self.proposer.working or self.pilot.flying or self.explorer.keeping

    # -- kernel

    async def ready(self) -> Workbench:
        """The workbench once its kernel is up. Raises MlagentError when there is none to be had."""
        if self.status.kernel in (KernelState.ABSENT, KernelState.AWAY):
            raise MlagentError(self.status.kernel_note or "There is no kernel; restart it.")
        if self.status.kernel is KernelState.DEAD:
            raise MlagentError("The kernel is dead; restart it first.")
        await self._ready.wait()
        assert self.workbench is not None
        return self.workbench

    async def run(self, cell_ids: list[str]) -> None:
        """Run these cells after what waits already; returns when nothing waits any more."""
        workbench = await self.ready()
        assert self.runner is not None
        if self.proposer.working:
            raise MlagentError("Proposals are being tried in this kernel; stop them first.")
        if self.pilot.flying:
            raise MlagentError("The autopilot is at work in this kernel; stop it first.")
        if self.explorer.keeping:
            raise MlagentError("A search puts its path into the notebook; wait a moment.")
        self._kernel(KernelState.BUSY)
        try:
            await self.runner.run(workbench, cell_ids)
        finally:
            if self.status.kernel is KernelState.BUSY:
                self._kernel(KernelState.IDLE)

    async def interrupt(self) -> None:
        if self.workbench is not None:
            await self.workbench.kernel.interrupt()

    async def restart(self) -> None:
        """A fresh kernel; outputs stay, variables are gone."""
        await self.stop()
        if self.workbench is None:
            self._wake.set()
            return
        assert self.runner is not None
        await self.runner.close()
        self._kernel(KernelState.STARTING)
        try:
            await self.workbench.restart()
        except MlagentError as error:
            self._kernel(KernelState.ABSENT, str(error))
            raise
        self.runner.forget()
        self._kernel(KernelState.IDLE)

    async def look_at_kernel(self) -> None:
        """Notice a kernel that was killed while nothing ran in it."""
        workbench = self.workbench
        if workbench is None or self.status.kernel is not KernelState.IDLE or self.kernel_pid is None:
            return
        alive = await workbench.kernel.is_alive()
        if not alive and self.workbench is workbench and self.status.kernel is KernelState.IDLE:
            self.kernel_died(DIED_IDLE)

    def kernel_died(self, sentence: str) -> None:
        self._kernel(KernelState.DEAD, sentence)
        self.post(Said(f"{sentence} Restart it to go on; your notebook is as it was.", Severity.ERROR))

    async def stop(self) -> None:
        """End proposing and flying; what was kept stays."""
        await self.pilot.stop()
        await self.proposer.stop()

    def _kernel(self, state: KernelState, note: str = "") -> None:
        self.status.kernel, self.status.kernel_note = state, note
        self.post(StatusChanged())

    # -- cells

    def editable(self) -> Document:
        """Raises MlagentError until the notebook has been read."""
        if self.document is None:
            raise MlagentError("The notebook is still being read; try again in a moment.")
        return self.document

    def undo(self) -> None:
        """Take the last change back, an accepted step too."""
        undone = self.editable().undo()
        if undone is None:
            self.post(Said("There is nothing to undo."))
            return
        what, look_at = undone
        self.post(CellsChanged(select=look_at))
        self.post(StatusChanged())
        self.post(Said(f"Took back {what}."))

    def reload(self) -> None:
        """Take what is on disk. Raises MlagentError while something is under way, NotebookError."""
        if self.busy:
            raise MlagentError("Something is under way; stop it first.")
        document = self.editable()
        document.reload()
        if self.workbench is not None:
            self.workbench.notebook = document.notebook
        self.post(CellsChanged())
        self.post(StatusChanged())
