"""Runs one cell in the trial as the notebook's kernel would: inside a running event loop, through IPython."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from .outputs import error as error_output
from .shell_copy import ShellCopy, text_of_error
from .wire import Message


def run(copy: ShellCopy, code: str) -> tuple[Message, BaseException | None]:
    """Run `code`; returns what to tell the supervisor and the exception it ended with, if any."""
    began = time.perf_counter()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        result = loop.run_until_complete(_run(copy.shell, code))
        failure = result.error_before_exec or result.error_in_exec
    except BaseException as error:
        failure = error
    finished: Message = {"kind": "finished", "seconds": time.perf_counter() - began}
    if failure is None and copy.asked_to_exit:
        failure = SystemExit("The cell asks the kernel to exit.")
    if failure is not None:
        lines = getattr(copy.shell, "_last_traceback", None) or []
        text = text_of_error(failure)
        finished["error"] = error_output(type(failure).__name__, text, [str(line) for line in lines])
        finished["out_of_memory"] = isinstance(failure, MemoryError)
    return finished, failure


async def _run(shell: Any, code: str) -> Any:
    """What ipykernel does with an execute request (ipykernel.ipkernel.IPythonKernel.do_execute)."""
    shell._last_traceback = None
    problem: Any = None
    try:
        transformed = shell.transform_cell(code)
    except Exception:
        transformed, problem = code, sys.exc_info()
    if not shell.should_run_async(code, transformed_cell=transformed, preprocessing_exc_tuple=problem):
        return shell.run_cell(code, store_history=True)
    result = None
    try:
        result = await shell.run_cell_async(
            code, store_history=True, transformed_cell=transformed, preprocessing_exc_tuple=problem
        )
    finally:
        shell.events.trigger("post_execute")
        shell.events.trigger("post_run_cell", result)
    return result
