"""This project's own tree search on one task, as the peers run: `python tree_search.py JOB.json`.

The same model server as AIDE (`url`; without one a model of the catalog in an engine of its own), the same
seconds, the same grader. It begins from the starter's notebook; what counts is the submission that the
notebook writes once the best path is in it.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path

from jupyter_mlagent.engine.open import open_engine
from jupyter_mlagent.records import Direction
from jupyter_mlagent.search.events import NodeAdded
from jupyter_mlagent.search.flight import SearchFlight
from jupyter_mlagent.search.settings import SearchBudget, SearchSettings
from jupyter_mlagent.settings import SessionSettings
from jupyter_mlagent.workbench import open_workbench

WIDTH = 4
"""Cells of one request: `mlagent run --search` has as many."""


async def main(job_file: str) -> None:
    job = json.loads(Path(job_file).read_text())
    submission = Path(job["submission"])
    notebook = submission.with_name("notebook.ipynb")
    shutil.copyfile(job["notebook"], notebook)
    engine = open_engine(f"{job['url']}#{job['model']}" if job["url"] else job["model"])
    nodes = valid = 0
    try:
        settings = SessionSettings(allow_unguarded=True)
        async with open_workbench(notebook, engine=engine, settings=settings) as workbench:
            await workbench.run_notebook()
            direction = Direction(job["direction"])
            workbench.session.set_metric(workbench.cells, job["expression"], direction)
            wishes = SearchSettings(width=WIDTH, seed=job["seed"])
            flight = SearchFlight(workbench, SearchBudget(seconds=job["seconds"]), wishes)
            async for event in flight.events():
                if isinstance(event, NodeAdded):
                    nodes += 1
                    valid += event.node.works
            writes = [cell.id for cell in workbench.cells if submission.name in cell.source]
            await workbench.run_cell(writes[-1])
    finally:
        await engine.close()
    submission.with_suffix(".json").write_text(json.dumps({"steps": nodes, "valid": valid}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
