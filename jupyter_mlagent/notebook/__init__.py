"""Notebook files: cells of an .ipynb as records and back, never over what another program saved."""

from __future__ import annotations

from jupyter_mlagent.notebook.file import Gain, NotebookFile, RemovedCell, open_notebook
from jupyter_mlagent.notebook.write import NotebookChangedError

__all__ = ["Gain", "NotebookChangedError", "NotebookFile", "RemovedCell", "open_notebook"]
