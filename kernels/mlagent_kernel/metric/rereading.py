"""In the audit's second run, data that the cell reads again carries the shuffled labels too.

A cell need not take the held-out labels from a variable: the notebook's file still has them, or the function
that made the data makes them again. The readers of the usual libraries therefore pass on what they read with
the labels shuffled, wherever their rows are found in it.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from . import labels

_READERS = {
    "pandas": ("read_",),
    "polars": ("read_",),
    "numpy": ("load", "genfromtxt", "fromfile"),
    "sklearn.datasets": ("load_", "fetch_", "make_"),
}
"""By module: how the names of its functions that bring data begin."""
_NO_DATA = frozenset(
    {"make_column_selector", "make_column_transformer", "make_pipeline", "make_scorer", "make_union"}
    | {"load_state_dict", "load_model"}
)
_ANEW = "read again"


def brings_data(name: str) -> bool:
    """Whether a function of that name may bring the notebook's data once more."""
    begins = name.startswith(("read_", "load_", "fetch_", "make_", "scan_"))
    return (begins and name not in _NO_DATA) or name in ("open", "load", "loadtxt", "genfromtxt", "fromfile")


def install(
    namespace: dict[str, Any],
    before: Mapping[str, Any],
    truth: tuple[str, ...],
    seed: int,
    columns: Mapping[str, frozenset[str]] | None = None,
) -> None:
    """Replace the readers in their modules and in the notebook's variables.

    `before`: copies of the labels named in `truth`, not shuffled. `seed`: of their permutation. `columns`: as
    for `labels.find`.
    """
    known = {**namespace, **before}
    replaced: dict[int, Any] = {}
    for module_name, beginnings in _READERS.items():
        if module_name.partition(".")[0] not in sys.modules:
            continue
        module = importlib.import_module(module_name)
        for name, function in list(vars(module).items()):
            if name.startswith(beginnings) and callable(function) and not isinstance(function, type):
                replaced[id(function)] = _shuffling(function, known, truth, columns, seed)
                setattr(module, name, replaced[id(function)])
    for name, value in list(namespace.items()):
        namespace[name] = replaced.get(id(value), value)


def _shuffling(
    function: Callable[..., Any],
    known: Mapping[str, Any],
    truth: tuple[str, ...],
    columns: Mapping[str, frozenset[str]] | None,
    seed: int,
) -> Callable[..., Any]:
    @functools.wraps(function)
    def read(*arguments: Any, **options: Any) -> Any:
        found = function(*arguments, **options)
        try:
            places = labels.find({**known, _ANEW: found}, truth, columns)
            labels.shuffle([place for place in places if place.variable == _ANEW], seed)
        except Exception:  # of a kind that cannot be searched or written to: then it stays as it is
            return found
        return found

    return read
