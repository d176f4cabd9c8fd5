"""A tree of live states whose processes start with the answers out of their sight."""

from __future__ import annotations

from pathlib import Path

from jupyter_mlagent.trial.live_tree import LiveTree
from local_rl.tasks import hide
from local_rl.tasks.process import HASH_SEED


class StateTree(LiveTree):
    def __init__(
        self,
        workspace: Path,
        hidden: Path | None,
        *,
        threads: int | None = None,
        memory_bytes: int | None = None,
        allow_unguarded: bool = False,
    ) -> None:
        """`hidden`: the folder of the answers; the rest as in `LiveTree`."""

        def hiding(program: list[str]) -> list[str]:
            return hide.command(hidden, program) if hidden is not None and hide.available() else program

        super().__init__(
            workspace,
            wrap=hiding,
            hash_seed=HASH_SEED,
            threads=threads,
            memory_bytes=memory_bytes,
            allow_unguarded=allow_unguarded,
        )
