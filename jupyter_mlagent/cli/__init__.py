"""`mlagent`: the command line, one of three doors to the same core."""

from __future__ import annotations


def main() -> None:
    """Entry point of the `mlagent` script."""
    import sys

    if sys.argv[1:2] == ["tui"]:
        # The one command whose first screen is waited for: the others' imports would be half of that wait.
        from jupyter_mlagent.cli.tui import run
    else:
        from jupyter_mlagent.cli.app import run

    run()
