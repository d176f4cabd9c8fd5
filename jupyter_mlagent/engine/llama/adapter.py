"""LoRA adapters: loaded beside the base weights and attached to the generating context."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jupyter_mlagent.engine.llama.context import Context
from jupyter_mlagent.engine.llama.log import LlamaLog
from jupyter_mlagent.engine.llama.model import Model, c_api
from jupyter_mlagent.errors import EngineError


class AdapterSlot:
    """The one adapter in use. What was evaluated under another one must be forgotten after each change."""

    def __init__(self, model: Model, context: Context, log: LlamaLog) -> None:
        self._c = c_api()
        self._log = log
        self._model = model
        self._context = context
        self._adapter: Any | None = None

    def use(self, path: Path | None, scale: float) -> None:
        """Swap to the adapter in `path`, None for the base; raises EngineError and keeps the one before."""
        adapter = self._load(path) if path else None
        self._context.set_adapter(adapter, scale)
        self._free()
        self._adapter = adapter

    def close(self) -> None:
        self._context.set_adapter(None, 0)
        self._free()

    def _load(self, path: Path) -> Any:
        self._log.forget()
        adapter = self._c.llama_adapter_lora_init(self._model.pointer, str(path).encode())
        # A failed load is a NULL pointer object: falsy, and not None.
        if not adapter:
            raise EngineError(
                f"The adapter {path} does not fit {self._model.description} ({self._log.cause}): "
                f"train or choose one made for this model."
            )
        return adapter

    def _free(self) -> None:
        if self._adapter:
            self._c.llama_adapter_lora_free(self._adapter)
        self._adapter = None
