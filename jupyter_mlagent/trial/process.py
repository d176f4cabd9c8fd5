"""Processes that run `mlagent_kernel` in a kernel's interpreter and take one request a line on stdin."""

from __future__ import annotations

import asyncio
import json

_END_SECONDS = 10.0


def program(module: str) -> str:
    """Source for `python -c`: installs the bundle that comes as the first line, then runs `module`'s `main`.

    Like the injection, but through standard input; the working directory must not shadow the standard
    library.
    """
    return (
        "import sys; sys.path[:] = [p for p in sys.path if p]; import json;"
        " found = json.loads(sys.stdin.readline()); names = {'__name__': '_mlagent_boot'};"
        " exec(compile(found[1]['boot'], '<mlagent>', 'exec'), names); names['install'](*found);"
        f" sys.modules[found[0] + '.{module}'].main()"
    )


def line(value: object) -> bytes:
    return json.dumps(value).encode() + b"\n"


async def end(process: asyncio.subprocess.Process) -> None:
    """Let it leave by itself as its stdin ends, with everything it started; kill it when it does not."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
