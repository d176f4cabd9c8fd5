"""`mlagent`: the command line, one of three doors to the same core."""

from __future__ import annotations


def main() -> None:
    """Entry point of the `mlagent` script."""
    from jupyter_mlagent.cli.app import run

    run()
