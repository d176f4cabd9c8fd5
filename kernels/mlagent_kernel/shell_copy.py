"""Makes the forked copy of a notebook's shell talk to the trial's pipes, and to nothing else.

The copy inherits an IPython shell wired to ZMQ sockets, a history database and a kernel application. All of
what could send, ask or write is replaced here, on the copy.
"""

from __future__ import annotations

import base64
import builtins
import getpass
import os
import sys
import threading
from typing import Any, NoReturn

from .outputs import Output
from .streams import OutputSink

_WIDGET = "application/vnd.jupyter.widget-view+json"
_FRAMES_SHOWN = 10
"""At each end of a traceback."""
NO_INPUT = "A trial has nobody to ask: input() and getpass() cannot be answered in it."


class ShellCopy:
    """The shell of this process, rewired. `asked_to_exit` turns true when a cell calls exit or quit."""

    def __init__(self, shell: Any, sink: OutputSink) -> None:
        self.shell = shell
        self._sink = sink
        self.asked_to_exit = False
        self._pending: Output = {}
        self._silence_kernel()
        self._rewire_display()
        self._rewire_errors()
        self._rewire_input()
        self._rewire_commands()
        self._detach_history()

    def _silence_kernel(self) -> None:
        kernel = getattr(self.shell, "kernel", None)
        session = getattr(kernel, "session", None)
        if session is not None:
            # Everything a kernel sends passes through here: status, comms of widgets, replies.
            session.send = _ignore
        self.shell.ask_exit = self._ask_exit

    def _ask_exit(self) -> None:
        self.asked_to_exit = True

    def _rewire_display(self) -> None:
        publisher, hook = self.shell.display_pub, self.shell.displayhook
        publisher.publish = self._publish
        publisher.clear_output = self._clear_output
        hook.start_displayhook = self._start_result
        hook.write_output_prompt = lambda: None
        hook.write_format_data = self._take_result
        hook.finish_displayhook = self._finish_result

    def _publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        *_args: Any,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **_kwargs: Any,
    ) -> None:
        bundle = _bundle(data)
        if not bundle:
            return
        output: Output = {
            "output_type": "update_display_data" if update else "display_data",
            "data": bundle,
            "metadata": metadata or {},
        }
        display_id = (transient or {}).get("display_id")
        if display_id is not None:
            output["display_id"] = str(display_id)
        self._sink.display(output)

    def _clear_output(self, wait: bool = False) -> None:
        self._sink.display({"output_type": "clear_output", "wait": bool(wait)})

    def _start_result(self) -> None:
        self.shell.displayhook._is_active = True
        self._pending = {}

    def _take_result(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        self._pending = {
            "output_type": "execute_result",
            "data": _bundle(format_dict),
            "metadata": md_dict or {},
            "execution_count": self.shell.displayhook.prompt_count,
        }

    def _finish_result(self) -> None:
        if self._pending.get("data"):
            self._sink.display(self._pending)
        self._pending = {}
        self.shell.displayhook._is_active = False

    def _rewire_errors(self) -> None:
        def show(kind: type, value: BaseException, traceback: Any) -> None:
            lines = traceback.splitlines() if isinstance(traceback, str) else list(traceback)
            self._sink.display(
                {
                    "output_type": "error",
                    "ename": kind.__name__,
                    "evalue": text_of_error(value),
                    "traceback": [str(line) for line in lines],
                }
            )
            self.shell._last_traceback = lines

        self.shell._showtraceback = show
        formatter = self.shell.InteractiveTB
        structured = formatter.structured_traceback

        def shortened(kind: type, value: Any, traceback: Any = None, *rest: Any, **named: Any) -> Any:
            _leave_out_the_middle(traceback)
            return structured(kind, value, traceback, *rest, **named)

        formatter.structured_traceback = shortened

    def _rewire_input(self) -> None:
        from IPython.core.error import StdinNotImplementedError

        def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
            raise StdinNotImplementedError(NO_INPUT)

        builtins.input = refuse
        getpass.getpass = refuse
        kernel = getattr(self.shell, "kernel", None)
        if kernel is not None:
            kernel.raw_input = kernel.getpass = refuse

    def _rewire_commands(self) -> None:
        """`!command` wants a terminal of its own, which not every guard grants; then it does without."""
        try:
            for descriptor in os.openpty():
                os.close(descriptor)
        except OSError:
            self.shell.system = self.shell.system_raw

    def _detach_history(self) -> None:
        """No thread that saves history, no write to its database, and none of the locks it may hold."""
        manager = self.shell.history_manager
        if manager is not None:
            manager.enabled = False
            manager.db_input_cache_lock = threading.Lock()
            manager.db_output_cache_lock = threading.Lock()
            manager.db_cache_size = sys.maxsize
            manager.writeout_cache = manager.end_session = _ignore
        self.shell.logger.log_active = False


def _leave_out_the_middle(traceback: Any) -> None:
    """IPython looks up the source of every frame; for an endless recursion that takes longer than a trial."""
    frames = []
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    if len(frames) > 2 * _FRAMES_SHOWN:
        frames[_FRAMES_SHOWN - 1].tb_next = frames[-_FRAMES_SHOWN]


def _ignore(*_args: Any, **_kwargs: Any) -> None:
    """Stands where something was sent or saved."""


def text_of_error(error: BaseException) -> str:
    """`str(error)`, which may itself raise."""
    try:
        return str(error)
    except Exception:
        return f"<{type(error).__name__} whose text could not be made>"


def _bundle(data: dict[str, Any]) -> dict[str, Any]:
    """A mime bundle as JSON takes it: bytes in base64, widgets left out (no front end knows their model)."""
    bundle = {}
    for mime, content in data.items():
        if mime == _WIDGET:
            continue
        bundle[str(mime)] = base64.b64encode(content).decode() if isinstance(content, bytes) else content
    return bundle
