"""Short memory and lost processes, with a script in place of the processes."""

from __future__ import annotations

import pytest

from jupyter_mlagent.errors import KernelError
from jupyter_mlagent.records import Guard, Trial, TrialStatus, Variable
from jupyter_mlagent.search.states import FIRST, LiveStates
from jupyter_mlagent.trial.api import TrialLimits
from jupyter_mlagent.trial.live_tree import Opened, Tried


class Host:
    """Holds `room` states; a trial beyond it is out of memory. `lose` makes the next trials find no node."""

    def __init__(self, room: int = 100, unsafe: str = "") -> None:
        self.room = room
        self.unsafe = unsafe
        self.lose = 0
        self.alive = True
        self.nodes: set[str] = set()
        self.dropped: list[str] = []

    async def open(self, node: str, sources: tuple[str, ...], limits: TrialLimits) -> Opened:
        self.nodes.add(node)
        return Opened(outputs=(), seconds=0.0, guard=Guard.NAMESPACES, unsafe=self.unsafe)

    async def try_cell(
        self, node: str, code: str, metric, limits, *, keep_as: str = "", **_: object
    ) -> Tried:
        if self.lose or node not in self.nodes:
            self.lose -= 1
            return Tried(trial=Trial(status=TrialStatus.NOT_TRIED), gone=True)
        if len(self.nodes) >= self.room:
            return Tried(trial=Trial(status=TrialStatus.OUT_OF_MEMORY))
        self.nodes.add(keep_as)
        return Tried(trial=Trial(status=TrialStatus.OK), kept=True)

    async def variables(self, node: str) -> tuple[Variable, ...]:
        if self.lose or node not in self.nodes:
            self.lose -= 1
            raise KernelError("It is gone.")
        return (Variable(name="a", type="int", summary="1"),)

    async def drop(self, node: str) -> None:
        self.nodes.discard(node)
        self.dropped.append(node)

    async def close(self) -> None:
        self.alive = False


def states(*hosts: Host) -> LiveStates:
    waiting = list(hosts)

    async def start() -> Host:
        return waiting.pop(0)

    return LiveStates(start, ("a = 1",), TrialLimits())  # type: ignore[arg-type]


async def test_where_memory_is_short_idle_states_end_and_the_cell_is_tried_again() -> None:
    host = Host(room=3)
    found = states(host)
    for code in ("b = 1", "c = 1", "d = 1"):
        assert (await found.try_cell(FIRST, code, None)).status is TrialStatus.OK
    assert len(host.dropped) == 2 and len(found) == 2


async def test_a_cell_that_alone_is_too_large_stays_out_of_memory() -> None:
    found = states(Host(room=1))
    assert (await found.try_cell(FIRST, "b = 1", None)).status is TrialStatus.OUT_OF_MEMORY
    assert len(found) == 1


async def test_a_state_that_ended_meanwhile_comes_back_once() -> None:
    first, second = Host(), Host()
    found = states(first, second)
    await found.try_cell(FIRST, "b = 1", None)
    first.lose = 1
    assert (await found.try_cell(FIRST, "c = 1", None)).status is TrialStatus.OK
    assert not first.alive and len(second.nodes) == 2 and found.replays == 2
    second.lose = 2
    with pytest.raises(KernelError):
        await found.try_cell(("c = 1",), "d = 1", None)


async def test_a_state_that_is_gone_is_brought_back_before_it_is_asked_what_it_holds() -> None:
    """No variables would make every cell one that uses names nobody defined."""
    first, second, third = Host(), Host(), Host()
    found = states(first, second, third)
    await found.try_cell(FIRST, "b = 1", None)
    first.lose = 1
    assert [variable.name for variable in await found.variables(FIRST)] == ["a"]
    assert not first.alive and second.alive
    second.lose = third.lose = 1
    with pytest.raises(KernelError, match="gone"):
        await found.variables(FIRST)


async def test_a_notebook_that_cannot_be_forked_is_said_so() -> None:
    host = Host(unsafe="It holds a CUDA context.")
    with pytest.raises(KernelError, match="CUDA"):
        await states(host).try_cell(FIRST, "b = 1", None)
    assert not host.alive
