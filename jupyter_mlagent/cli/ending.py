"""How a command ends: with its result, or with one sentence and an exit code; never with a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from jupyter_mlagent.errors import MlagentError

INTERRUPTED = 130
"""The exit code of a program ended by Ctrl-C."""


def to_its_end(command: Callable[[], object]) -> NoReturn:
    """Run it as this process's one job."""
    try:
        command()
    except MlagentError as error:
        fail(str(error))
    except KeyboardInterrupt:
        fail("Stopped; nothing half-written was left behind.", INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away (`| head`); keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        fail(f"This is a bug in mlagent ({type(error).__name__}: {error}); details are in {_crash_report()}.")
    sys.exit(0)


def fail(sentence: str, code: int = 1) -> NoReturn:
    import typer

    typer.secho(f"mlagent: {sentence}", err=True, fg=typer.colors.RED)
    sys.exit(code)


def _crash_report() -> str:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="mlagent-crash-", suffix=".txt", delete=False) as report:
        traceback.print_exc(file=report)
        return report.name
