"""The ipywidgets view and `%mlagent` are two doors to one session: the view shows the verdicts of both."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from jupyter_mlagent import events
from jupyter_mlagent.companion import Companion
from jupyter_mlagent.records import Anchor, Candidate, Operator, Proposal, Trial, TrialStatus, source_hash
from jupyter_mlagent.session import Session
from jupyter_mlagent.trial.scripted import ScriptedTrials
from jupyter_mlagent.widgets import ProposalView


def candidate(rank: int) -> Candidate:
    code = f"x = {rank}"
    proposal = Proposal(
        id=f"p{rank}",
        operator=Operator.IMPROVE,
        plan=f"plan {rank}",
        code=code,
        source_hash=source_hash(code),
        anchor=Anchor(cell_id="", source_hash=""),
    )
    trial = Trial(status=TrialStatus.OK)
    return Candidate(rank=rank, proposal=proposal, trial=trial, reward=0.5, scored=False)


@pytest.fixture
def companion() -> Companion:
    """With two proposals waiting, and no kernel around it."""
    one = object.__new__(Companion)
    one._watchers, one.accepted = [], None
    one._shell = SimpleNamespace(user_ns={})
    one.session = Session("nb", engine=None, trials=ScriptedTrials(0.5))  # type: ignore[arg-type]
    one.session._outstanding = {item.proposal.id: item for item in (candidate(1), candidate(2))}
    return one


@pytest.fixture
def view(companion: Companion) -> ProposalView:
    shown = ProposalView(companion, lambda proposal_id: companion.accept(proposal_id).source)
    timings = events.Timings(sampled_tokens=1, sample_seconds=1.0, total_seconds=2.0)
    shown.event(
        events.Ranked(request_id="r", candidates=(candidate(1), candidate(2)), dropped=(), timings=timings)
    )
    return shown


def texts(view: ProposalView) -> str:
    found: list[str] = []

    def walk(widget: Any) -> None:
        found.append(str(getattr(widget, "value", "")))
        for child in getattr(widget, "children", ()):
            walk(child)

    walk(view.box)
    return " ".join(found)


def test_what_the_command_rejects_leaves_the_view(view: ProposalView, companion: Companion) -> None:
    assert "plan 1" in texts(view) and "plan 2" in texts(view)
    companion.reject("p1", "too slow")
    assert "plan 1" not in texts(view) and "plan 2" in texts(view)


@pytest.mark.parametrize("door", ["command", "button"])
def test_what_is_accepted_by_either_door_is_all_the_view_shows(
    view: ProposalView, companion: Companion, door: str
) -> None:
    accept: Callable[[str], Any] = companion.accept if door == "command" else view._accept
    accept("p2")
    assert "x = 2" in texts(view) and "plan 1" not in texts(view)


def test_a_newer_request_leaves_nothing_to_choose_in_the_older_view(
    view: ProposalView, companion: Companion
) -> None:
    companion.session.ignore_outstanding()
    companion._tell()
    assert "plan" not in texts(view) and "waiting any more" in texts(view)
