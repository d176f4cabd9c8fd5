"""`python -m jupyter_mlagent`: the same as `mlagent`."""

from jupyter_mlagent.cli import main

main()
