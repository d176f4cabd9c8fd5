"""A notebook that others look at too: what they ask for and decide is shown here; keys wait for nothing."""

from __future__ import annotations

import msgspec
from script import METRIC, until

from jupyter_mlagent import events
from jupyter_mlagent.records import Direction, Metric, Verdict
from jupyter_mlagent.remote.channel import Connected
from jupyter_mlagent.server import messages
from mlagent_tui.desk.events import BoardChanged
from mlagent_tui.desk.status import KernelState
from mlagent_tui.news import News
from mlagent_tui.proposals.board import Phase


async def heard_elsewhere(opened, core) -> list[events.SuggestEvent]:
    """The events of a real request, as another front end would cause them."""
    out: list[events.SuggestEvent] = []
    async with opened() as (app, pilot):
        hear = app.desk.proposer.hear
        app.desk.proposer.hear = lambda event: (out.append(event), hear(event))
        await pilot.press("p")
        await until(pilot, lambda: app.desk.proposer.board.phase is Phase.RANKED)
    return out


async def test_what_others_ask_for_and_decide_is_shown(opened, core) -> None:
    told = await heard_elsewhere(opened, core)
    async with opened() as (app, pilot):
        app.desk._overhear(messages.Working(working=True, flying=False))
        focused = app.screen.focused
        for event in told:
            app.desk._overhear(msgspec.json.decode(events.encode(event), type=events.SuggestEvent))
        board = app.desk.proposer.board
        assert board.phase is Phase.RANKED
        assert app.desk.status.doing == ""
        await until(pilot, lambda: app.screen.panel.has_class("-shown"))
        assert app.screen.focused is focused
        best = board.shown[0]
        app.desk._overhear(messages.Judged(proposal_id=best.id, verdict=Verdict.REJECTED))
        assert best.verdict is Verdict.REJECTED
        metric = Metric(expression=METRIC, direction=Direction.MAXIMIZE, origin="given")
        app.desk._overhear(messages.MetricChanged(metric=metric))
        assert app.desk.status.metric == metric


async def test_pieces_of_a_request_whose_beginning_was_missed_are_passed_over(opened) -> None:
    async with opened() as (app, _):
        app.desk._overhear(events.TrialStarted(proposal_id="unknown"))
        assert not app.desk.proposer.board.rows


async def test_a_server_that_is_gone_is_said_once_and_its_return_too(opened) -> None:
    async with opened() as (app, pilot):
        for _ in range(3):
            app.desk._overhear(Connected(there=False, sentence="It went away."))
        await pilot.pause()
        assert app.desk.status.kernel is KernelState.AWAY
        assert [note.message for note in app._notifications] == ["It went away."]
        app.desk._overhear(Connected(there=True))
        assert app.desk.status.kernel is KernelState.IDLE


async def test_a_flood_of_tokens_is_one_message_in_the_queue(opened, monkeypatch) -> None:
    async with opened() as (app, pilot):
        posted = []
        post = app.post_message
        monkeypatch.setattr(app, "post_message", lambda message: (posted.append(message), post(message))[1])
        for _ in range(1_000):
            app.desk.post(BoardChanged())
        assert sum(isinstance(message, News) for message in posted) == 1
        await pilot.pause()
        app.desk.post(BoardChanged())
        assert sum(isinstance(message, News) for message in posted) == 2
