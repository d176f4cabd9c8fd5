"""The policy as it is now, in the engine's form."""

from __future__ import annotations

from pathlib import Path

from local_rl.policy.export import export_adapter
from local_rl.policy.header import read_header
from local_rl.policy.loading import Policy


class Serving:
    """Writes the adapter of each update once; a file's name changes, so that an engine never reads a new
    one under the name of the last."""

    def __init__(self, policy: Policy, folder: Path) -> None:
        self._policy = policy
        self._folder = folder
        self._header = read_header(policy.base.path)
        self._written: tuple[int, Path] | None = None

    def adapter(self, update: int) -> Path:
        """Raises AdapterError when it cannot be written."""
        if self._written is not None and self._written[0] == update:
            return self._written[1]
        target = self._folder / f"update-{update}.gguf"
        self._policy.save_adapter(self._folder / "peft")
        export_adapter(
            self._folder / "peft", target, header=self._header, base_sha256=self._policy.base_sha256
        )
        if self._written is not None:
            self._written[1].unlink(missing_ok=True)
        self._written = (update, target)
        return target
