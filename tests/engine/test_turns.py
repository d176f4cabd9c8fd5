"""One worker, several notebooks: nobody waits for another's whole queue."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from jupyter_mlagent.engine.turns import Turns


async def serve(keys: list[str]) -> list[str]:
    """Queue one request for each key behind a running one; the keys in the order they were served."""
    turns = Turns()
    await turns.take("running")
    served: list[str] = []

    async def request(key: str) -> None:
        await turns.take(key)
        served.append(key)
        turns.give()

    waiting = [asyncio.create_task(request(key)) for key in keys]
    await asyncio.sleep(0)
    turns.give()
    await asyncio.gather(*waiting)
    return served


async def test_a_second_notebook_is_served_after_one_request_of_the_first():
    assert await serve(["a", "a", "a", "b"]) == ["a", "b", "a", "a"]


@given(st.lists(st.sampled_from("abcd"), max_size=20))
def test_everyone_is_served_and_no_key_gets_two_turns_while_another_waits(keys):
    served = asyncio.run(serve(keys))
    assert sorted(served) == sorted(keys)
    for position, key in enumerate(served[:-1]):
        if served[position + 1] == key:
            assert set(served[position + 1 :]) == {key}


async def test_a_waiter_that_gives_up_is_passed_over():
    turns = Turns()
    await turns.take("a")
    gone = asyncio.create_task(turns.take("b"))
    stays = asyncio.create_task(turns.take("c"))
    await asyncio.sleep(0)
    gone.cancel()
    turns.give()
    await stays


async def test_a_waiter_cancelled_just_as_its_turn_came_passes_it_on():
    turns = Turns()
    await turns.take("a")
    unlucky = asyncio.create_task(turns.take("b"))
    following = asyncio.create_task(turns.take("c"))
    await asyncio.sleep(0)
    turns.give()
    unlucky.cancel()
    await following


async def test_a_free_worker_is_taken_at_once_again_and_again():
    turns = Turns()
    for _ in range(3):
        await turns.take("a")
        turns.give()
