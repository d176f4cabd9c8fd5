"""A notebook of a Jupyter server, joined: its cells run there, and everyone sees the same proposals."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlagent.acceptance import StaleProposalError
from jupyter_mlagent.errors import MlagentError
from jupyter_mlagent.events import Ranked
from jupyter_mlagent.notebook.write import NotebookChangedError
from jupyter_mlagent.remote.server import Address, Server, address_of
from jupyter_mlagent.server import messages


async def ranked(workbench: Any) -> Ranked:
    events = [event async for event in workbench.session.suggest(workbench.notebook.cells)]
    assert isinstance(events[-1], Ranked), events[-1]
    return events[-1]


@pytest.mark.parametrize(
    ("pasted", "url", "token"),
    [
        ("localhost:8888", "http://localhost:8888/", ""),
        ("http://h:1/base/lab/tree/a.ipynb?token=abc", "http://h:1/base/", "abc"),
        ("https://hub/user/me/", "https://hub/user/me/", ""),
        ("http://h:1/lab?token=abc", "http://h:1/", "abc"),
        ("http://h:1/labour/", "http://h:1/labour/", ""),
    ],
)
def test_an_address_is_taken_as_it_is_pasted(pasted: str, url: str, token: str) -> None:
    assert address_of(pasted) == Address(url=url, token=token)


async def test_a_server_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(MlagentError, match="cannot be reached"):
        await Server(Address(url="http://127.0.0.1:9/")).agent()


async def test_a_wrong_token_is_a_sentence(client: Server) -> None:
    with pytest.raises(MlagentError, match="--token"):
        await Server(Address(url=client.address.url, token="wrong")).agent()


async def test_a_cell_runs_in_the_servers_kernel_and_shows_all_it_prints(joined: Any) -> None:
    async with joined() as workbench:
        text = "import sys\nfor n in range(2_000): print(n)\nsys.stdout.flush()\n"
        text += "print('oh', file=sys.stderr)\n1 + 1"
        cell_id = workbench.notebook.insert_after(None, text)
        run = await workbench.run_cell(cell_id)
    kinds = [(output["output_type"], output.get("name")) for output in run.outputs]
    assert kinds == [("stream", "stdout"), ("stream", "stderr"), ("execute_result", None)]
    assert run.outputs[0]["text"] == "".join(f"{n}\n" for n in range(2_000))
    assert (run.error, run.execution_count) == (None, 1)


async def test_a_cell_that_raises_is_a_result_and_the_next_one_runs(joined: Any) -> None:
    async with joined() as workbench:
        raised = await workbench.kernel.run_cell("1 / 0")
        after = await workbench.kernel.run_cell("print(3)")
    assert raised.error is not None and raised.error.name == "ZeroDivisionError"
    assert after.outputs[0]["text"] == "3\n"


async def test_an_endless_cell_is_interrupted(joined: Any) -> None:
    async with joined() as workbench:
        running = asyncio.create_task(workbench.kernel.run_cell("print('on')\nwhile True: pass"))
        while not workbench.kernel.live_outputs:
            await asyncio.sleep(0.01)
        await workbench.kernel.interrupt()
        run = await running
    assert run.error is not None and run.error.name == "KeyboardInterrupt"


async def test_proposals_asked_for_here_are_seen_there(joined: Any, visit: Any) -> None:
    page = await visit("work.ipynb")
    async with joined() as workbench:
        last = await ranked(workbench)
        there = await page.until("ranked")
    ids = [candidate.proposal.id for candidate in last.candidates]
    assert ids == [candidate["proposal"]["id"] for candidate in there["candidates"]]


async def test_proposals_asked_for_there_are_seen_here_also_by_who_comes_later(
    joined: Any, visit: Any
) -> None:
    page, heard = await visit("work.ipynb"), []
    there = await page.ask()
    async with joined(heard) as workbench:
        while not any(isinstance(message, Ranked) for message in heard):
            await asyncio.sleep(0)
        best = there["candidates"][0]["proposal"]["id"]
        assert workbench.session.candidate(best).proposal.id == best
        await page.say("reject", id=1, proposal_id=best)
        while not any(isinstance(message, messages.Judged) for message in heard):
            await asyncio.sleep(0.01)


async def test_what_is_accepted_here_is_judged_there(joined: Any, visit: Any) -> None:
    page = await visit("work.ipynb")
    async with joined() as workbench:
        best = (await ranked(workbench)).candidates[0].proposal
        acceptance = await workbench.session.accept(best.id, workbench.notebook.cells)
        cell_id = workbench.insert(acceptance)
        assert acceptance.source == best.code
        assert workbench.notebook.node["cells"][-1]["id"] == cell_id
        assert (await page.until("judged"))["verdict"] == "accepted"


async def test_an_accepted_cell_whose_place_was_edited_is_refused(joined: Any) -> None:
    async with joined() as workbench:
        best = (await ranked(workbench)).candidates[0].proposal
        workbench.notebook.set_source(best.anchor.cell_id, "something_else = 1")
        with pytest.raises(StaleProposalError):
            await workbench.session.accept(best.id, workbench.notebook.cells)


async def test_saving_goes_to_the_server_and_never_over_somebody_elses(joined: Any, notebook: Path) -> None:
    async with joined() as workbench:
        workbench.notebook.set_source("load", "mine = 1")
        await asyncio.to_thread(workbench.notebook.save)
        assert "mine = 1" in notebook.read_text()

        theirs = json.loads(notebook.read_text())
        theirs["cells"][0]["source"] = "theirs = 1"
        await client_writes(workbench, theirs)
        workbench.notebook.set_source("load", "mine = 2")
        with pytest.raises(NotebookChangedError):
            await asyncio.to_thread(workbench.notebook.save)
        again = await asyncio.to_thread(workbench.notebook.reopened)
    assert "theirs = 1" in notebook.read_text()
    assert again.cells[0].source == "theirs = 1"


async def client_writes(workbench: Any, node: Any) -> None:
    """Another program saves through the same server."""
    server = workbench.server
    await asyncio.to_thread(server.write_now, "work.ipynb", node)


async def test_a_server_that_goes_away_ends_what_waits_for_it_with_a_sentence(
    joined: Any, server: Any
) -> None:
    heard: list[Any] = []
    async with joined(heard) as workbench:
        for room in server.app.web_app.settings["mlagent_rooms"]._rooms.values():
            for listener in tuple(room._listeners):
                listener.__self__.close()
        from jupyter_mlagent.remote.channel import Connected

        def states() -> list[bool]:
            return [message.there for message in heard if isinstance(message, Connected)]

        while states()[-2:] != [False, True]:
            await asyncio.sleep(0.01)
        assert (await ranked(workbench)).candidates
