"""A journal with one verdict of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mlagent.engine.api import EngineInfo, GenerateRequest
from jupyter_mlagent.journal import Journal, SuggestionRecord
from jupyter_mlagent.records import (
    Anchor,
    Candidate,
    Cell,
    ChatMessage,
    Direction,
    Metric,
    Operator,
    Proposal,
    State,
    Task,
    Trial,
    TrialStatus,
    Verdict,
    source_hash,
)
from jupyter_mlagent.reward.reward import RewardConfig

CODES = (
    "model = Forest()",
    "model = Boost()",
    "model = Plot()\nplt.show()",
    "model = Grid()",
    "model = Undone()",
)
NOTEBOOK = "/home/me/book.ipynb"


def keep(journal: Journal, codes: tuple[str, ...] = CODES) -> dict[str, int]:
    """A request with a candidate for each code; code -> step id."""
    proposals = [
        Proposal(
            id=f"{NOTEBOOK}-{number}",
            operator=Operator.IMPROVE,
            plan=f"Plan {number}.",
            code=code,
            source_hash=source_hash(code),
            anchor=Anchor(cell_id="c1", source_hash=source_hash("")),
        )
        for number, code in enumerate(codes)
    ]
    ids = journal.record_suggestion(
        SuggestionRecord(
            request_id=f"r-{NOTEBOOK}",
            session_id="s",
            parent_step=None,
            state=State(
                notebook=NOTEBOOK, cells=(Cell(id="c1", kind="code", source="x = 1"),), metric_value=0.5
            ),
            task=Task(metric=Metric(expression="f1(y, p)", direction=Direction.MAXIMIZE)),
            operator=Operator.IMPROVE,
            request=GenerateRequest(
                messages=(ChatMessage(role="user", content="Improve it."),), n=len(codes)
            ),
            model=EngineInfo(model="tiny", context_tokens=2048),
            samples=(),
            candidates=tuple(
                Candidate(
                    rank=rank,
                    proposal=proposal,
                    trial=Trial(status=TrialStatus.OK, metric_before=0.5, metric_after=0.6),
                    reward=0.7,
                )
                for rank, proposal in enumerate(proposals, start=1)
            ),
            reward_config=RewardConfig(),
        )
    )
    return {proposal.code: ids[proposal.id] for proposal in proposals}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLAGENT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def journal(home: Path) -> Iterator[Journal]:
    with Journal.open() as opened:
        yield opened


@pytest.fixture
def kept(journal: Journal) -> dict[str, int]:
    ids = keep(journal)
    forest, boost, plot, grid, undone = (ids[code] for code in CODES)
    journal.record_verdict(forest, Verdict.ACCEPTED)
    journal.record_verdict(boost, Verdict.EDITED, edited_source="model = Boost(depth=3)")
    journal.record_verdict(plot, Verdict.EDITED, edited_source="model = Plot()")
    journal.record_verdict(grid, Verdict.REJECTED, reason="too slow")
    journal.record_verdict(undone, Verdict.ACCEPTED)
    journal.mark_undone(undone)
    return ids
