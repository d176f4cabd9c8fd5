"""Which classes and functions may appear in what a trial sends: the whole of what the judge lets itself
construct.

Instances of these classes are data with known behaviour. Nothing here runs text as code, loads files or
reaches other objects of the process; what does, in the same packages, is excluded by name.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

PACKAGES = frozenset(
    {"numpy", "scipy", "pandas", "sklearn", "xgboost", "lightgbm", "catboost", "statsmodels", "imblearn"}
    | {"torch", "polars", "pyarrow", "category_encoders"}
)
_EXCLUDED = (
    "numpy.ctypeslib",
    "numpy.distutils",
    "numpy.f2py",
    "numpy.lib._datasource",
    "numpy.lib._npyio_impl",
    "numpy.lib.npyio",
    "numpy.testing",
    "pandas.core.computation",
    "pandas.io",
    "pandas.testing",
    "polars.expr",
    "polars.io",
    "polars.lazyframe",
    "polars.testing",
    "pyarrow.compute",
    "pyarrow.dataset",
    "pyarrow.flight",
    "pyarrow.fs",
    "scipy.datasets",
    "scipy.io",
    "sklearn.datasets",
    "sklearn.utils._mocking",
    "sklearn.utils._testing",
    "torch._dynamo",
    "torch._inductor",
    "torch.distributed",
    "torch.export",
    "torch.fx",
    "torch.hub",
    "torch.jit",
    "torch.library",
    "torch.multiprocessing",
    "torch.onnx",
    "torch.package",
    "torch.serialization",
    "torch.testing",
    "torch.utils",
)
_EXCLUDED_CLASSES = frozenset(
    {"memmap", "NpzFile", "DataSource", "ExcelFile", "ExcelWriter", "HDFStore", "JsonReader"}
    | {"SASReader", "StataReader", "StataWriter", "PytestTester"}
)
"""Classes that open files when they are made, or run some when they are called, wherever they live."""
_STANDARD_CLASSES = frozenset(
    {("builtins", name) for name in ("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset")}
    | {("builtins", name) for name in ("int", "list", "object", "range", "set", "slice", "str", "tuple")}
    | {("collections", name) for name in ("Counter", "OrderedDict", "defaultdict", "deque")}
    | {("datetime", name) for name in ("date", "datetime", "time", "timedelta", "timezone")}
    | {("decimal", "Decimal"), ("fractions", "Fraction"), ("types", "SimpleNamespace"), ("uuid", "UUID")}
)
_RECONSTRUCTORS = frozenset(
    {("copyreg", "_reconstructor"), ("copyreg", "__newobj__"), ("copyreg", "__newobj_ex__")}
    | {
        (f"numpy.{core}.multiarray", name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    }
    | {(f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")}
    | {("numpy.random._pickle", f"__{kind}_ctor") for kind in ("randomstate", "generator", "bit_generator")}
    | {("numpy.ma.core", "_mareconstruct"), ("_codecs", "encode"), ("numpy", "dtype")}
    | {("pandas._libs.internals", "_unpickle_block"), ("pandas.core.indexes.base", "_new_Index")}
    | {("pandas.core.indexes.datetimes", "_new_DatetimeIndex"), ("pandas", "NA")}
    | {("pandas.core.indexes.interval", "_new_IntervalIndex"), ("pandas._libs.missing", "NA")}
    | {("pandas.core.indexes.period", "_new_PeriodIndex")}
    | {("pandas._libs.tslibs.timestamps", "_unpickle_timestamp")}
    | {("pandas._libs.tslibs.timedeltas", "_timedelta_unpickle")}
    | {("pandas._libs.arrays", "__pyx_unpickle_NDArrayBacked")}
    | {(f"sklearn.neighbors.{tree}", "newObj") for tree in ("_kd_tree", "_ball_tree")}
    | {("sklearn.metrics._dist_metrics", "newObj")}
    | {("pyarrow.lib", name) for name in ("_restore_array", "chunked_array", "py_buffer", "type_for_alias")}
)
"""Functions that pickles of trusted classes call to build an object from its state, and that do nothing
else.
"""
_VALUE_FUNCTIONS = ("sklearn.feature_selection", "sklearn.metrics", "sklearn.preprocessing")
_PRIVATE_VALUE_FUNCTIONS = frozenset(
    {("sklearn.cluster._kmeans", name) for name in ("_kmeans_single_lloyd", "_kmeans_single_elkan")}
)
"""Packages whose functions may be held by a model: score_func=f_classif and the like."""
_NUMPY_FUNCTIONS = frozenset(
    {
        "abs",
        "amax",
        "amin",
        "argmax",
        "array",
        "asarray",
        "clip",
        "max",
        "mean",
        "median",
        "min",
        "nan_to_num",
    }
    | {"ravel", "reshape", "round", "squeeze", "std", "sum", "var", "where"}
)


class NotTrustedError(Exception):
    """A pickle names something outside of what may be constructed."""


def find(module: str, name: str) -> Any:
    """The class, ufunc, value function or reconstructor of that name. Raises NotTrustedError."""
    if (module, name) in _STANDARD_CLASSES or (module, name) in _RECONSTRUCTORS:
        return _look_up(module, name)
    if not in_package(module):
        raise NotTrustedError(f"{module}.{name}")
    found = _look_up(module, name)
    if isinstance(found, type):
        if found.__name__ in _EXCLUDED_CLASSES:
            raise NotTrustedError(f"{module}.{name}")
        if in_package(found.__module__) or (found.__module__, found.__qualname__) in _STANDARD_CLASSES:
            return found
    elif _is_ufunc(found) or _is_value_function(found) or _is_cython_reconstructor(found, name):
        return found
    raise NotTrustedError(f"{module}.{name}")


def callable_in_pickle(function: Any) -> bool:
    """Whether a pickle may call it: classes, and the functions that only rebuild objects."""
    if isinstance(function, type):
        return function not in (type, types.FunctionType)
    if _is_cython_reconstructor(function, str(getattr(function, "__name__", ""))):
        return True
    return any(
        vars(sys.modules[module]).get(name) is function
        for module, name in _RECONSTRUCTORS
        if module in sys.modules
    )


def in_package(module: str) -> bool:
    excluded = any(module == prefix or module.startswith(prefix + ".") for prefix in _EXCLUDED)
    return module.partition(".")[0] in PACKAGES and not excluded


def importable(module: str, name: str) -> Any | None:
    """A function, class or module that a metric uses and the cell imported: from trusted packages only."""
    if not in_package(module):
        return None
    found = _import(module)
    if not name:
        return found
    value = vars(found).get(name) if found is not None else None
    return value if callable(value) and in_package(str(getattr(value, "__module__", ""))) else None


def _look_up(module: str, name: str) -> Any:
    found: Any = _import(module)
    for part in name.split("."):
        inside = vars(found).get(part) if isinstance(found, (types.ModuleType, type)) else None
        if inside is None:
            raise NotTrustedError(f"{module}.{name}")
        found = inside
    return found


def _import(module: str) -> types.ModuleType | None:
    known = sys.modules.get(module)
    if known is not None:
        return known
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def _is_ufunc(value: Any) -> bool:
    ufunc = getattr(sys.modules.get("numpy"), "ufunc", None)
    return isinstance(ufunc, type) and isinstance(value, ufunc)


def _is_value_function(value: Any) -> bool:
    module, name = str(getattr(value, "__module__", "")), str(getattr(value, "__name__", ""))
    if (module, name) in _PRIVATE_VALUE_FUNCTIONS:
        return True
    if not callable(value) or name.startswith("_"):
        return False
    if module.partition(".")[0] == "numpy":
        return name in _NUMPY_FUNCTIONS
    return any(module == prefix or module.startswith(prefix + ".") for prefix in _VALUE_FUNCTIONS)


def _is_cython_reconstructor(value: Any, name: str) -> bool:
    module = str(getattr(value, "__module__", ""))
    return callable(value) and name.startswith("__pyx_unpickle_") and in_package(module)
