"""`mlagent tui`: a notebook, its kernel and the agent in the terminal (Textual).

A front end only: what it shows and does is the session's and the workbench's (jupyter_mlagent). The packages
are the app's domains; each holds its screen, its widgets, its messages and its styles.
"""
