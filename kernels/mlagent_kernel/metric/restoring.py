"""The judge's side: turns a trial's bytes into objects, and lets nothing in but data of trusted classes."""

from __future__ import annotations

import io
import pickle
import sys
import types
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

from . import trust
from .kinds import loaded

_Unpickler: Any = pickle._Unpickler
_UNSAFE_OPCODES = (pickle.EXT1, pickle.EXT2, pickle.EXT4, pickle.INST, pickle.OBJ, pickle.NEXT_BUFFER)
_FORMULA = "restore_design_info"
"""With this in its state, statsmodels evaluates a formula, which is Python."""
_TEMPLATE = "_parse_arg_template"
"""A distribution of SciPy executes this when its state is set."""


class _Restricted(_Unpickler):  # type: ignore[misc]
    """Python's own unpickler in Python, since the one in C offers no hold on single opcodes."""

    dispatch: ClassVar[dict[int, Any]] = dict(_Unpickler.dispatch)

    def __init__(self, file: io.BytesIO, notebook: Mapping[str, Any]) -> None:
        super().__init__(file)
        self._notebook = notebook
        self.used_notebook = False
        """Whether something the notebook itself defined was restored: its code is then part of the
        judgement.
        """

    def find_class(self, module: str, name: str) -> Any:
        return trust.find(module, name)

    def persistent_load(self, pid: Any) -> Any:
        if isinstance(pid, tuple) and pid[:1] == ("tensor",) and len(pid) == 6:
            return _tensor(*pid[1:])
        if isinstance(pid, tuple) and pid[:1] == ("notebook",) and len(pid) == 2:
            found = self._notebook.get(pid[1])
            if isinstance(found, (types.FunctionType, type)) and found.__module__ == "__main__":
                return found
        raise trust.NotTrustedError(repr(pid)[:80])

    def load_reduce(self) -> None:
        if not trust.callable_in_pickle(self.stack[-2]):
            raise trust.NotTrustedError(f"a call of {self.stack[-2]!r}"[:120])
        super().load_reduce()

    def load_newobj(self) -> None:
        if not isinstance(self.stack[-2], type) or self.stack[-2] is type:
            raise trust.NotTrustedError("an object made of something that is no class")
        super().load_newobj()

    def load_newobj_ex(self) -> None:
        if not isinstance(self.stack[-3], type) or self.stack[-3] is type:
            raise trust.NotTrustedError("an object made of something that is no class")
        super().load_newobj_ex()

    def load_build(self) -> None:
        _check_state(self.stack[-2], self.stack[-1])
        super().load_build()

    def refuse(self) -> None:
        raise trust.NotTrustedError("an opcode that no model needs")

    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
    dispatch[pickle.NEWOBJ_EX[0]] = load_newobj_ex
    dispatch[pickle.BUILD[0]] = load_build
    for _opcode in _UNSAFE_OPCODES:
        dispatch[_opcode[0]] = refuse


def _check_state(instance: Any, state: Any) -> None:
    """State may fill an instance; it must not change a class, hide a method behind an attribute, nor bring
    text that its class runs as code.
    """
    if isinstance(instance, (type, types.FunctionType, types.ModuleType)):
        raise trust.NotTrustedError("state for something that is no instance")
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    for part in parts:
        for key in part if isinstance(part, dict) else ():
            known = getattr(type(instance), key, None) if isinstance(key, str) else None
            if isinstance(known, types.FunctionType) or key == "__class__":
                raise trust.NotTrustedError(f"state that replaces {type(instance).__name__}.{key}")
            if key == _FORMULA or (key == _TEMPLATE and part[key] not in _templates()):
                raise trust.NotTrustedError(f"text that {type(instance).__name__} runs as code")


@lru_cache(maxsize=1)
def _templates() -> frozenset[str]:
    """The texts from which SciPy's own distributions build their methods."""
    stats: Any = sys.modules.get("scipy.stats")
    return frozenset(getattr(value, _TEMPLATE) for value in vars(stats).values() if hasattr(value, _TEMPLATE))


def _tensor(dtype: str, shape: Any, data: bytes, requires_grad: bool, parameter: bool) -> Any:
    torch_dtype, frombuffer = loaded("torch", dtype), loaded("torch", "frombuffer")
    if frombuffer is None or type(torch_dtype).__name__ != "dtype":
        raise trust.NotTrustedError("a tensor without torch")
    if data:
        tensor = frombuffer(bytearray(data), dtype=torch_dtype).reshape(shape)
    else:
        tensor = loaded("torch", "empty")(shape, dtype=torch_dtype)
    if parameter:
        return loaded("torch.nn", "Parameter")(tensor, requires_grad=requires_grad)
    return tensor.requires_grad_(requires_grad) if requires_grad else tensor


def restore(data: bytes, notebook: Mapping[str, Any]) -> Any:
    """The object; `notebook` holds the classes and functions that the notebook itself defines.

    Raises NotTrustedError, or whatever a damaged pickle makes a constructor raise.
    """
    return _Restricted(io.BytesIO(data), notebook).load()
