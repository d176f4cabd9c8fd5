"""Brings `mlagent_kernel` into a kernel that need not have it installed, and calls it there.

Everything goes through `KernelLink.evaluate`: one expression carries the sources, once for each kernel; they
become modules under a private name that contains their hash, so that an older version installed in the
kernel's environment, or injected by another host, is left alone.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.records import Record
from jupyter_mlagent.trial.api import KernelLink

_ABSENT = "absent"


class Bundle(Record):
    """The sources of the kernel's side."""

    package: str
    """The private name they are installed under."""
    sources: dict[str, str]
    """Dotted module name below the package (`""`: the package itself) to source."""

    @property
    def boot(self) -> str:
        """Source of the installer, which runs outside any package."""
        return self.sources["boot"]

    def packed(self) -> str:
        """`[package, sources]` as JSON, compressed, in base64."""
        text = json.dumps([self.package, self.sources])
        return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


@lru_cache(maxsize=1)
def bundle() -> Bundle:
    """The sources installed beside this package. Raises KernelError when they are missing."""
    spec = importlib.util.find_spec("mlagent_kernel")
    if spec is None or not spec.submodule_search_locations:
        raise KernelError("The package mlagent_kernel is missing; install jupyter-mlagent again.")
    root = Path(next(iter(spec.submodule_search_locations)))
    sources = {_module_name(path.relative_to(root)): path.read_text("utf-8") for path in root.rglob("*.py")}
    ordered = dict(sorted(sources.items()))
    digest = hashlib.sha256(json.dumps(ordered).encode()).hexdigest()[:16]
    return Bundle(package=f"_mlagent_kernel_{digest}", sources=ordered)


def _module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


async def call(link: KernelLink, function: str, argument: dict[str, Any]) -> dict[str, Any]:
    """Call `mlagent_kernel.door.<function>` in the kernel with a JSON object; returns its JSON object.

    Raises KernelError when the kernel cannot be reached or the function raised.
    """
    request = call_expression(function, argument)
    answer = await link.evaluate(request)
    if answer == _ABSENT:
        await link.evaluate(install_expression())
        answer = await link.evaluate(request)
    found = json.loads(answer)
    if not isinstance(found, dict):
        raise KernelError(f"The kernel answered `{function}` with something else than an object.")
    return found


def call_expression(function: str, argument: dict[str, Any]) -> str:
    """An expression whose value is the function's answer, or `absent` while the sources are not there.

    It binds no name in the person's namespace: a lambda's parameters are its own.
    """
    door = f"{bundle().package}.door"
    text = json.dumps(argument)
    return (
        f"(lambda door: door.{function}({text!r}) if door else {_ABSENT!r})"
        f"(__import__('sys').modules.get({door!r}))"
    )


def install_expression() -> str:
    packed = bundle().packed()
    return (
        "(lambda found, names: (exec(compile(found[1]['boot'], '<mlagent>', 'exec'), names),"
        " names['install'](*found), 'installed')[2])"
        "(__import__('json').loads(__import__('zlib').decompress(__import__('base64').b64decode("
        f"{packed!r}))), {{'__name__': '_mlagent_boot'}})"
    )
