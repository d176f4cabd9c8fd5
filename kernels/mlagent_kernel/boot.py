"""Puts this package into a running interpreter from its sources, under a private name.

The host executes this file's text once in a kernel that need not have the package installed, and calls
`install`. A private name, which carries a hash of the sources, keeps it apart from any installed version.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType


class SourceLoader(importlib.abc.InspectLoader, importlib.abc.MetaPathFinder):
    """Finds and loads the modules of one package from a mapping of dotted names to sources.

    The package itself has the name `""`; a name with submodules is a package.
    """

    def __init__(self, package: str, sources: Mapping[str, str]) -> None:
        self._package = package
        self._sources = {f"{package}.{name}" if name else package: text for name, text in sources.items()}

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self._sources:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=self.is_package(fullname))

    def is_package(self, fullname: str) -> bool:
        return any(name.startswith(fullname + ".") for name in self._sources)

    def get_source(self, fullname: str) -> str:
        return self._sources[fullname]

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        exec(compile(self._sources[name], f"<{name}>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102


def install(package: str, sources: Mapping[str, str]) -> None:
    """Import every module of the package; afterwards only `sys.modules` knows it, no finder stays behind."""
    if package in sys.modules:
        return
    loader = SourceLoader(package, sources)
    sys.meta_path.insert(0, loader)
    try:
        for name in sources:
            importlib.import_module(f"{package}.{name}" if name else package)
    except BaseException:
        for name in [n for n in sys.modules if n == package or n.startswith(package + ".")]:
            del sys.modules[name]
        raise
    finally:
        sys.meta_path.remove(loader)
